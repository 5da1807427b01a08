public import LatchkeyPrimitives
public import Logging

/// What stands behind leases with a deadline: it granted them, and takes them back.
@usableFromInline
package protocol TermLeaseOwner: AnyObject, Sendable {
  /// What makes a grant a grant at the backend: a node, a key, an attempt.
  associatedtype Node: Sendable

  var name: LockName { get }
  var backend: LockBackend { get }

  /// Where leases tell what becomes of them.
  var logger: Logger { get }

  /// How many of a semaphore's permits a node stands for; 0 for a lock.
  func permits(of node: Node) -> Int

  /// Asks the backend now whether the lease still stands, and moves its deadline where that is how deadlines move.
  func extend(_ lease: TermLease<Self>) async throws(LockError)

  /// Frees what the lease holds; returns when that is done, or can only be finished in the background. Must not look at the
  /// task's cancellation.
  ///
  /// - Returns: What the backend has not confirmed; nil if what the lease held is gone.
  /// - Throws: Only `lockLost`: the backend's answer to a first, undoubted request shows that what the lease held had gone before.
  @discardableResult
  func release(_ lease: TermLease<Self>) async throws(LockError) -> PendingRelease?

  /// Frees what the lease holds, without anybody waiting for it.
  func releaseInBackground(_ lease: TermLease<Self>)

  /// The lease's term has ended while nobody had released it: the holder has been told.
  func termEnded(_ lease: TermLease<Self>)
}

extension TermLeaseOwner {
  /// Most owners grant locks.
  @usableFromInline
  package func permits(of node: Node) -> Int { 0 }

  /// Where leases rest on a session, whoever notices its end frees what they held.
  package func termEnded(_ lease: TermLease<Self>) {}
}

/// How a lease stands. Not within the lease, which is generic: so the compiler knows its layout.
private struct TermLeaseState {
  var ending: LeaseEnding?
  var handlers = HandlerTable<@Sendable (LeaseEnding) -> Void>()
  var termHandler: UInt64?
  var isReleased = false
}

private enum LeaseRegistration {
  case registered(UInt64)
  case over(LeaseEnding)
}

/// One grant with a deadline: the term that proves it, and those who want to know how it ends.
@usableFromInline
package final class TermLease<Owner: TermLeaseOwner>: LeaseDriver {
  @usableFromInline
  package let name: LockName
  package let backend: LockBackend
  @usableFromInline
  package let node: Owner.Node
  @usableFromInline
  package let grant: UInt64
  @usableFromInline
  package let term: Term
  private let mayBeLost: Bool
  package let token: FencingToken?
  package let owner: Owner
  private let state = Locked(TermLeaseState())

  /// - Parameter canBeLost: Whether anything can end the lease before its release.
  @usableFromInline
  package init(
    owner: Owner,
    node: Owner.Node,
    grant: UInt64,
    token: FencingToken?,
    term: Term,
    canBeLost: Bool = true
  ) {
    self.name = owner.name
    self.backend = owner.backend
    self.node = node
    self.grant = grant
    self.term = term
    self.token = token
    self.mayBeLost = canBeLost
    self.owner = owner
  }

  /// Begins to listen for the end of the term. Not done at construction, which may happen under a lock of the owner's.
  @usableFromInline
  package func watchTerm() {
    let handler = self.term.onEnd { [weak self] end in
      guard let self else { return }
      guard self.lose(because: end.reason) else { return }
      self.owner.termEnded(self)
    }
    guard let handler else { return }
    let isOver = self.state.withLock { state in
      state.termHandler = handler
      return state.ending != nil
    }
    if isOver { self.term.removeHandler(handler) }
  }

  package func makeLease() -> Lease {
    self.owner.logger.debug("the lock was acquired", metadata: self.metadata)
    return Lease(driver: self, grant: self.grant, token: self.token)
  }

  private var metadata: Logger.Metadata { .lock(self.name, self.backend, self.token) }

  /// Ends the lease as lost.
  ///
  /// - Returns: False if it had ended before.
  @discardableResult
  @usableFromInline
  package func lose(because reason: String) -> Bool {
    let isFirst = self.finish(.lost(.lost(self.name, because: reason))) == nil
    if isFirst {
      self.owner.logger.warning(LeaseEnding.lossRecord, metadata: self.metadata.and(["reason": "\(reason)"]))
    }
    return isFirst
  }

  /// Ends the lease as released, though nothing is freed: another lease has taken its place.
  @usableFromInline
  func end() {
    self.finish(.released)
    self.state.withLock { $0.isReleased = true }
  }

  /// Ends the lease as lost, and frees what it holds.
  package func revoke(because reason: String) async {
    guard self.lose(because: reason) else { return }
    do throws(LockError) {
      try await self.owner.release(self)
    } catch {
      // What it held had gone before: the holder has been told of a loss already.
    }
  }

  /// - Returns: How the lease had ended before, if it had.
  @discardableResult
  private func finish(_ ending: LeaseEnding) -> LeaseEnding? {
    let (before, handlers, termHandler) = self.state.withLock { state in
      let before = state.ending
      guard before == nil else { return (before, [@Sendable (LeaseEnding) -> Void](), UInt64?.none) }
      state.ending = ending
      return (before, state.handlers.removeAll(), state.termHandler)
    }
    if let termHandler { self.term.removeHandler(termHandler) }
    for handler in handlers { handler(ending) }
    return before
  }

  // MARK: LeaseDriver

  package func permits(of grant: UInt64) -> Int { self.owner.permits(of: self.node) }

  package func token(of grant: UInt64) -> FencingToken? { self.token }

  package func deadline(of grant: UInt64) -> ContinuousClock.Instant? {
    self.term.isEndless ? nil : self.term.deadline
  }

  package func canBeLost(_ grant: UInt64) -> Bool { self.mayBeLost }

  @usableFromInline
  package func isHeld(_ grant: UInt64) -> Bool { self.ending == nil }

  package func isReleased(_ grant: UInt64) -> Bool { self.state.withLock { $0.isReleased } }

  package func onEnding(of grant: UInt64, _ handler: @escaping @Sendable (LeaseEnding) -> Void) -> UInt64? {
    let outcome = self.state.withLock { state -> LeaseRegistration in
      if let ending = self.ending(state) { return .over(ending) }
      return .registered(state.handlers.add(handler))
    }
    switch outcome {
    case .registered(let id): return id
    case .over(let ending):
      handler(ending)
      return nil
    }
  }

  package func removeEndingHandler(_ id: UInt64, of grant: UInt64) {
    self.state.withLock { state in _ = state.handlers.remove(id) }
  }

  package func extend(_ grant: UInt64) async throws(LockError) {
    try self.ensureHeld()
    try await self.owner.extend(self)
    try self.ensureHeld()
  }

  @discardableResult
  @usableFromInline
  package func release(_ grant: UInt64) async throws(LockError) -> PendingRelease? {
    // A term may have ended, and nobody have come to its handlers yet: the loss is told all the same.
    if let end = self.term.ended { self.lose(because: end.reason) }
    let before = self.finish(.released)
    self.state.withLock { $0.isReleased = true }
    let pending: PendingRelease?
    do throws(LockError) {
      pending = try await self.owner.release(self)
    } catch {
      if case .lost(let loss) = before { throw loss }
      let reason = error.lossReason ?? error.message
      self.owner.logger.warning(LeaseEnding.lossRecord, metadata: self.metadata.and(["reason": "\(reason)"]))
      throw error
    }
    if case .lost(let loss) = before { throw loss }
    if pending == nil { self.owner.logger.debug("the lock was released", metadata: self.metadata) }
    return pending
  }

  package func abandon(_ grant: UInt64) {
    self.end()
    self.owner.releaseInBackground(self)
  }

  /// How the lease has ended, by arithmetic: the term's handlers may not have been called yet.
  private var ending: LeaseEnding? { self.state.withLock { self.ending($0) } }

  private func ending(_ state: borrowing TermLeaseState) -> LeaseEnding? {
    if let ending = state.ending { return ending }
    return self.term.ended.map { .lost(.lost(self.name, because: $0.reason)) }
  }

  func ensureHeld() throws(LockError) {
    switch self.ending {
    case nil: return
    case .lost(let error): throw error
    case .released: throw .lost(self.name, because: "it was released")
    }
  }
}

/// What stands behind leases that rest on a session: a queue of contenders at a backend.
package protocol TermLeaseOwner: AnyObject, Sendable {
  /// What makes a grant a grant at the backend: a node, a key.
  associatedtype Node: Sendable

  var name: LockName { get }
  var backend: LockBackend { get }

  /// Asks the backend whether the node still stands.
  func confirm(_ node: Node) async throws(LockError)

  /// Gives the grant back. Must not look at the task's cancellation.
  func release(_ lease: TermLease<Self>) async

  /// Gives the grant back without waiting.
  func releaseInBackground(_ lease: TermLease<Self>)
}

/// One grant of a lock whose leases share the term of a session: our node, and the term that proves the session behind it.
package final class TermLease<Owner: TermLeaseOwner>: LeaseDriver {
  private struct State {
    var ending: LeaseEnding?
    var handlers: [UInt64: @Sendable (LeaseEnding) -> Void] = [:]
    var nextHandler: UInt64 = 1
    var termHandler: UInt64?
    var isReleased = false
  }

  package let name: LockName
  package let backend: LockBackend
  package let node: Owner.Node
  package let grant: UInt64
  private let token: FencingToken
  private let term: LeaseTerm
  private let owner: Owner
  private let state = Locked(State())

  package init(owner: Owner, node: Owner.Node, grant: UInt64, token: FencingToken, term: LeaseTerm) {
    self.name = owner.name
    self.backend = owner.backend
    self.owner = owner
    self.node = node
    self.grant = grant
    self.token = token
    self.term = term
  }

  /// Begins to listen for the end of the term. Not done at construction, which happens under the owner's lock.
  package func watchTerm() {
    let handler = self.term.onEnd { [weak self] end in self?.lose(because: end.reason) }
    guard let handler else { return }
    let isOver = self.state.withLock { state in
      state.termHandler = handler
      return state.ending != nil
    }
    if isOver { self.term.removeHandler(handler) }
  }

  package func makeLease() -> Lease { Lease(driver: self, grant: self.grant, token: self.token) }

  package func lose(because reason: String) {
    self.finish(.lost(.lost(self.name, because: reason)))
  }

  /// - Returns: How the lease had ended before, if it had.
  @discardableResult
  private func finish(_ ending: LeaseEnding) -> LeaseEnding? {
    let (before, handlers, termHandler) = self.state.withLock { state in
      let before = state.ending
      guard before == nil else { return (before, [@Sendable (LeaseEnding) -> Void](), UInt64?.none) }
      state.ending = ending
      defer { state.handlers = [:] }
      return (before, Array(state.handlers.values), state.termHandler)
    }
    if let termHandler { self.term.removeHandler(termHandler) }
    for handler in handlers { handler(ending) }
    return before
  }

  // MARK: LeaseDriver

  package func deadline(of grant: UInt64) -> ContinuousClock.Instant? { self.term.deadline }

  package func isHeld(_ grant: UInt64) -> Bool {
    self.state.withLock { $0.ending == nil } && self.term.isLive
  }

  package func isReleased(_ grant: UInt64) -> Bool { self.state.withLock { $0.isReleased } }

  package func onEnding(of grant: UInt64, _ handler: @escaping @Sendable (LeaseEnding) -> Void) -> UInt64? {
    // An answer of false from the clock also tells the term's handlers, this lease among them.
    _ = self.term.isLive
    let (id, ending) = self.state.withLock { state -> (UInt64?, LeaseEnding?) in
      if let ending = state.ending { return (nil, ending) }
      defer { state.nextHandler += 1 }
      state.handlers[state.nextHandler] = handler
      return (state.nextHandler, nil)
    }
    if let ending { handler(ending) }
    return id
  }

  package func removeEndingHandler(_ id: UInt64, of grant: UInt64) {
    self.state.withLock { state in _ = state.handlers.removeValue(forKey: id) }
  }

  /// Asks the backend whether our node still stands. The deadline itself moves with the session's heartbeats alone: an answer
  /// to a read proves nothing about the session.
  package func extend(_ grant: UInt64) async throws(LockError) {
    try self.ensureHeld()
    try await self.owner.confirm(self.node)
    try self.ensureHeld()
  }

  package func release(_ grant: UInt64) async throws(LockError) {
    _ = self.term.isLive
    let before = self.finish(.released)
    self.state.withLock { $0.isReleased = true }
    await self.owner.release(self)
    if case .lost(let error) = before { throw error }
  }

  package func abandon(_ grant: UInt64) {
    self.finish(.released)
    self.state.withLock { $0.isReleased = true }
    self.owner.releaseInBackground(self)
  }

  private func ensureHeld() throws(LockError) {
    _ = self.term.isLive
    switch self.state.withLock({ $0.ending }) {
    case nil: return
    case .lost(let error): throw error
    case .released: throw .lost(self.name, because: "it was released")
    }
  }
}

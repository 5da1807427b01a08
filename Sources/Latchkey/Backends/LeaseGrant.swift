public import Logging

/// One grant of a lock of your own: what a ``DistributedLock`` outside this package makes its leases of.
///
/// A lock that has been granted at its backend makes a grant and returns ``Lease/init(_:)`` of it. A grant with a deadline is
/// lost by itself when the deadline passes: move it with ``renew(until:)`` each time the backend has confirmed that the lock
/// still stands, and call ``lose(because:)`` when the backend says that it does not.
///
/// ```swift
/// let grant = LeaseGrant(name: self.name, backend: self.backend, token: token, release: { close(file) })
/// return Lease(grant)
/// ```
public final class LeaseGrant: Sendable {
  fileprivate let lease: TermLease<Owner>
  private let hasLease = Locked(false)

  /// Describes what was granted.
  ///
  /// - Parameters:
  ///   - name: The lock.
  ///   - backend: Where it lives.
  ///   - token: A token that is greater than those of all earlier grants of this lock; nil if the backend cannot promise that.
  ///   - deadline: Until when the backend cannot give the lock to anyone else by itself: count it from before the request that
  ///     took the lock was sent, and subtract what clocks may differ by in that time. Nil if the lock cannot end before its
  ///     release: `withLock` then does not watch for a loss.
  ///   - extend: Asks the backend now to let the lock stand longer, and returns the new deadline; nil if that cannot be asked
  ///     for.
  ///   - logger: Where it is told that the lock was lost.
  ///   - release: Frees what was granted, and nothing else. Called exactly once, in a task that cancellation does not reach,
  ///     also after a loss; whoever releases waits for it. What cannot be freed now must be freed later by itself.
  public init(
    name: LockName,
    backend: LockBackend,
    token: FencingToken? = nil,
    deadline: ContinuousClock.Instant? = nil,
    extend: (@Sendable () async throws(LockError) -> ContinuousClock.Instant)? = nil,
    logger: Logger = Logger(label: "latchkey"),
    release: @escaping @Sendable () async -> Void
  ) {
    let term = deadline.map { LeaseTerm(deadline: $0) } ?? LeaseTerm()
    let owner = Owner(name: name, backend: backend, term: term, extend: extend, logger: logger, release: release)
    self.lease = TermLease(owner: owner, node: (), grant: 1, token: token, term: term)
    self.lease.watchTerm()
  }

  /// Whether the grant still stands.
  public var isHeld: Bool { self.lease.isHeld(self.lease.grant) }

  /// Moves the deadline forward; an earlier one than the present changes nothing. A deadline that has passed is never moved.
  ///
  /// - Parameter deadline: Until when the backend has confirmed the lock, counted as at the grant.
  /// - Returns: Whether the grant still stands; if not, stop renewing it.
  @discardableResult
  public func renew(until deadline: ContinuousClock.Instant) -> Bool {
    self.lease.term.advance(to: deadline) && self.isHeld
  }

  /// Ends the grant as lost: the backend has said that the lock may be somebody else's. A grant that was released or lost
  /// before is left as it is.
  ///
  /// - Parameter reason: What happened, to follow "the lock was lost:".
  public func lose(because reason: String) { self.lease.lose(because: reason) }

  fileprivate func claimLease() -> TermLease<Owner> {
    let isFirst = self.hasLease.withLock { hasLease in
      defer { hasLease = true }
      return !hasLease
    }
    precondition(isFirst, "two leases were made of one grant of the lock \"\(self.lease.name)\"")
    return self.lease
  }
}

extension Lease {
  /// The lease of a grant, for whoever asked for the lock.
  ///
  /// - Parameter grant: The grant; it has one lease.
  public init(_ grant: LeaseGrant) {
    let driver = grant.claimLease()
    self.init(driver: driver, grant: driver.grant, token: driver.token)
  }
}

extension LeaseGrant {
  /// What stands behind the one lease: the two calls to the backend, and the alarm for its deadline.
  fileprivate final class Owner: TermLeaseOwner {
    typealias Node = Void

    let name: LockName
    let backend: LockBackend
    let logger: Logger
    private let extendAtBackend: (@Sendable () async throws(LockError) -> ContinuousClock.Instant)?
    private let releaseAtBackend: @Sendable () async -> Void
    private let alarm: Task<Void, Never>?

    init(
      name: LockName,
      backend: LockBackend,
      term: LeaseTerm,
      extend: (@Sendable () async throws(LockError) -> ContinuousClock.Instant)?,
      logger: Logger,
      release: @escaping @Sendable () async -> Void
    ) {
      self.name = name
      self.backend = backend
      self.logger = logger
      self.extendAtBackend = extend
      self.releaseAtBackend = release
      self.alarm = term.isEndless ? nil : Task { await term.end() }
    }

    func extend(_ lease: TermLease<Owner>) async throws(LockError) {
      guard let extendAtBackend else {
        throw LockError(
          .notSupported,
          name: self.name,
          message: "a lease of \(self.backend) cannot be extended; it is held until it is released or lost"
        )
      }
      lease.term.advance(to: try await extendAtBackend())
    }

    func release(_ lease: TermLease<Owner>) async {
      self.alarm?.cancel()
      // In a task of its own, which the cancellation of whoever releases does not reach.
      await Task { await self.releaseAtBackend() }.value
    }

    func releaseInBackground(_ lease: TermLease<Owner>) {
      self.alarm?.cancel()
      Task { await self.releaseAtBackend() }
    }
  }
}

extension LeaseTerm {
  /// Returns when the term has ended at its deadline, wherever that has moved meanwhile, or the task is cancelled.
  fileprivate func end() async {
    while self.isLive {
      let step = min(self.deadline, .now.advanced(by: .seconds(86_400)))
      do {
        try await Task.sleep(until: step, tolerance: .zero, clock: .continuous)
      } catch {
        return  // The lease was released.
      }
    }
  }
}

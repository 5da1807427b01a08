internal import LatchkeyPrimitives
public import Logging

/// One grant of a lock of your own: what a ``DistributedLock`` outside this package makes its leases of.
///
/// A lock that has been granted at its backend makes a grant and returns ``Lease/init(_:)`` of it. A grant with a deadline is
/// lost by itself when the deadline passes: move it with ``renew(until:)`` each time the backend has confirmed that the lock
/// still stands. Call ``lose(because:)`` when the backend says that it does not.
///
/// ```swift
/// let grant = LeaseGrant(
///   name: self.name,
///   backend: self.backend,
///   token: token,
///   loss: .never,
///   release: { close(file) }
/// )
/// return Lease(grant)
/// ```
public final class LeaseGrant: Sendable {
  /// What can end a grant before its release.
  public enum Loss: Sendable {
    /// Nothing, as long as the process lives: `withLock` runs its body in place and watches for nothing.
    case never
    /// The backend alone, at a time that cannot be foretold: whoever made the grant notices, and calls
    /// ``LeaseGrant/lose(because:)``.
    case byBackend
    /// Time as well: until this instant the backend cannot give the lock to anyone else by itself. Count it from before the
    /// request that took the lock was sent, and subtract what clocks may differ by in that time.
    case atDeadline(ContinuousClock.Instant)
  }

  fileprivate let lease: TermLease<Owner>
  private let hasLease = Locked(false)

  /// Describes what was granted.
  ///
  /// - Parameters:
  ///   - name: The lock.
  ///   - backend: Where it lives.
  ///   - token: A token that is greater than those of all earlier grants of this lock; nil if the backend cannot promise that.
  ///   - loss: What can end the grant before its release. Only under a grant that nothing can end does `withLock` not watch for
  ///     a loss.
  ///   - extend: Asks the backend now to let the lock stand longer, and returns the new deadline; nil if that cannot be asked
  ///     for.
  ///   - logger: Where it is told that the lock was lost.
  ///   - release: Frees what was granted, and nothing else. Called exactly once, in a task that cancellation does not reach,
  ///     also after a loss; whoever releases waits for it. What cannot be freed now must be freed later by itself. Throws
  ///     ``LockError/Code/lockLost`` if the backend's answer shows that what was granted had gone before: the holder is told.
  public init(
    name: LockName,
    backend: LockBackend,
    token: FencingToken? = nil,
    loss: Loss,
    extend: (@Sendable () async throws(LockError) -> ContinuousClock.Instant)? = nil,
    logger: Logger = Logger(label: "latchkey"),
    release: @escaping @Sendable () async throws(LockError) -> Void
  ) {
    let (term, canBeLost) =
      switch loss {
      case .never: (Term(), false)
      case .byBackend: (Term(), true)
      case .atDeadline(let deadline): (Term(deadline: deadline), true)
      }
    let owner = Owner(name: name, backend: backend, term: term, extend: extend, logger: logger, release: release)
    self.lease = TermLease(owner: owner, node: (), grant: 1, token: token, term: term, canBeLost: canBeLost)
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
  /// before is left as it is. A body under a grant that was made with ``Loss/never`` is not cancelled; `withLock` still throws
  /// the loss when it has ended.
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
    private let releaseAtBackend: @Sendable () async throws(LockError) -> Void
    private let alarm: Task<Void, Never>?

    init(
      name: LockName,
      backend: LockBackend,
      term: Term,
      extend: (@Sendable () async throws(LockError) -> ContinuousClock.Instant)?,
      logger: Logger,
      release: @escaping @Sendable () async throws(LockError) -> Void
    ) {
      self.name = name
      self.backend = backend
      self.logger = logger
      self.extendAtBackend = extend
      self.releaseAtBackend = release
      self.alarm = term.isEndless ? nil : Task { await term.expireAtDeadline() }
    }

    func extend(_ lease: TermLease<Owner>) async throws(LockError) {
      guard let extendAtBackend else {
        throw LockError(
          .notSupported,
          name: self.name,
          message: "a lease of \(self.backend) cannot be extended; it is held until it is released or lost"
        )
      }
      // Refused if it comes too late: the lease then says so itself, and the alarm has told whoever waits for the loss.
      lease.term.advance(to: try await extendAtBackend())
    }

    func release(_ lease: TermLease<Owner>) async throws(LockError) -> PendingRelease? {
      self.alarm?.cancel()
      // In a task of its own, which the cancellation of whoever releases does not reach.
      try await Task { await self.releaseNow() }.value.get()
      return nil
    }

    func releaseInBackground(_ lease: TermLease<Owner>) {
      self.alarm?.cancel()
      // Nobody is left who could be told that it had been lost before.
      Task { await self.releaseNow() }
    }

    private func releaseNow() async -> Result<Void, LockError> {
      do throws(LockError) {
        return .success(try await self.releaseAtBackend())
      } catch {
        return .failure(error)
      }
    }
  }
}

package import Logging

/// What a backend does for a granted lease. One driver may serve many grants (the in-process locks do, to allocate nothing per
/// grant); `grant` then tells them apart.
package protocol LeaseDriver: AnyObject, Sendable {
  /// The lock that was granted.
  var name: LockName { get }

  /// The backend that granted it.
  var backend: LockBackend { get }

  /// How many of a semaphore's permits a grant is; 0 for that of a lock. Permits exclude nobody from a lock of their name.
  func permits(of grant: UInt64) -> Int

  /// The grant's fencing token; nil where the backend cannot promise one.
  func token(of grant: UInt64) -> FencingToken?

  /// The tokens of a grant of several locks at once; nil for a grant of one.
  func tokens(of grant: UInt64) -> [FencingToken?]?

  /// Whether whoever waits for this lock while a grant of the driver stands waits for that grant.
  func covers(_ name: LockName, _ backend: LockBackend) -> Bool

  /// Until when the backend cannot give the lock to anyone else by itself; nil where leases have no deadline.
  func deadline(of grant: UInt64) -> ContinuousClock.Instant?

  /// Whether anything can end the grant before its release. If so, bodies are watched for the loss.
  func canBeLost(_ grant: UInt64) -> Bool

  /// Whether the grant still stands: clock arithmetic, which calls nobody's handlers, and never true again once it was false.
  func isHeld(_ grant: UInt64) -> Bool

  /// Whether the grant was given back, or dropped. A grant that was lost is not: whoever had it may still act on it.
  func isReleased(_ grant: UInt64) -> Bool

  /// Calls the handler once when the grant ends, at once if it has ended already, and nobody else's. The handler must not block.
  ///
  /// - Returns: A number for `removeEndingHandler`, or nil if the handler has been called.
  func onEnding(of grant: UInt64, _ handler: @escaping @Sendable (LeaseEnding) -> Void) -> UInt64?

  /// Forgets a handler that has not been called yet.
  func removeEndingHandler(_ id: UInt64, of grant: UInt64)

  /// Moves the deadline forward, where the backend can do that on demand.
  func extend(_ grant: UInt64) async throws(LockError)

  /// Frees what this grant holds, and nothing else. Must not look at the task's cancellation: a release is never cut short.
  /// Throws `lockLost` if the grant had ended before, or what it held is found gone.
  ///
  /// - Returns: What the backend has not confirmed; nil if the grant is given back.
  /// - Throws: Only `lockLost`.
  @discardableResult
  func release(_ grant: UInt64) async throws(LockError) -> PendingRelease?

  /// Frees what this grant holds without waiting, where that can be done; else false, and `release` does it.
  func releaseAtOnce(_ grant: UInt64) -> Bool

  /// Frees what this grant holds in the background: the lease was dropped without release.
  func abandon(_ grant: UInt64)
}

extension LeaseDriver {
  /// Most drivers grant locks.
  package func permits(of grant: UInt64) -> Int { 0 }

  /// Over a network a grant can be lost.
  package func canBeLost(_ grant: UInt64) -> Bool { true }

  /// Where there are tokens, the driver knows them.
  package func token(of grant: UInt64) -> FencingToken? { nil }

  /// Most grants are of one lock.
  package func tokens(of grant: UInt64) -> [FencingToken?]? { nil }

  /// Most grants are of one lock.
  package func covers(_ name: LockName, _ backend: LockBackend) -> Bool {
    self.name == name && self.backend == backend
  }

  /// Over a network there is always something to wait for.
  package func releaseAtOnce(_ grant: UInt64) -> Bool { false }
}

/// How a lease came to its end.
package enum LeaseEnding: Sendable {
  case released
  case lost(LockError)

  /// The log record of a loss, on every backend.
  package static let lossRecord: Logger.Message = "the lock was lost while it was held"
}

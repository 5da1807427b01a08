internal import Logging
internal import Tracing

/// One grant of a lock to one holder.
///
/// A lease cannot be copied, and ``release()`` consumes it, so a second release does not compile. Ownership belongs to this
/// value, never to a thread or task: a lease may be stored in an actor or a class and released by another task. A lease that
/// is dropped without release is released in the background, with a warning in the log.
///
/// ```swift
/// let lease = try await lock.acquire(within: .seconds(5))
/// try await save(order, fencedBy: lease.held.token)
/// try await lease.release()
/// ```
public struct Lease: ~Copyable, Sendable {
  private let driver: any LeaseDriver
  private let grant: UInt64
  private let token: FencingToken?
  private var isOwned = true

  package init(driver: any LeaseDriver, grant: UInt64, token: FencingToken?) {
    self.driver = driver
    self.grant = grant
    self.token = token
  }

  /// A copyable view of the grant: what code under the lock is lent.
  public var held: HeldLock { HeldLock(driver: self.driver, grant: self.grant, token: self.token) }

  /// Gives the lock back. Frees only what this lease holds, so a late release never frees a later holder.
  ///
  /// Not cut short by cancellation. Trouble with the connection is no error: the release is then finished in the background,
  /// at the latest by the end of the session or TTL.
  ///
  /// - Throws: ``LockError`` with code ``LockError/Code/lockLost`` if the lease had ended before, or the backend finds that what
  ///   it held is gone: what was done last under the lock may have been done without it.
  public consuming func release() async throws(LockError) { _ = try await self.releaseReporting() }

  /// As ``release()``, for programs that end right afterwards: they have no background in which it could be finished.
  ///
  /// - Returns: What the backend has not confirmed; nil if the lock is given back.
  /// - Throws: As ``release()``.
  package consuming func releaseReporting() async throws(LockError) -> PendingRelease? {
    self.isOwned = false
    if self.driver.releaseAtOnce(self.grant) { return nil }
    return try await self.driver.release(self.grant)
  }

  deinit {
    guard self.isOwned else { return }
    Logger(label: "latchkey").warning(
      "a lease was dropped without release; it is released in the background",
      metadata: .lock(self.driver.name, self.driver.backend, self.token)
    )
    self.driver.abandon(self.grant)
  }
}

extension Lease {
  /// Leaves the grant to the caller, who must end it by `HeldLock.giveBack()` or `HeldLock.abandon()`.
  consuming func disowned() -> HeldLock {
    self.isOwned = false
    return self.held
  }

  /// The same grant, with its hold measured from now on.
  consuming func observed(_ metrics: LockMetrics?, _ tracer: (any Tracer)?, _ kind: GrantKind) -> Lease {
    self.isOwned = false
    let driver = ObservedGrant(
      self.driver,
      grant: self.grant,
      token: self.token,
      kind: kind,
      metrics: metrics,
      tracer: tracer
    )
    return Lease(driver: driver, grant: self.grant, token: self.token)
  }

  /// The driver that granted the lease, if it is of a type, and the number of the grant.
  package func grant<Driver: LeaseDriver>(of type: Driver.Type) -> (driver: Driver, number: UInt64)? {
    ((self.observation?.driver ?? self.driver) as? Driver).map { ($0, self.grant) }
  }

  /// The lease of what this one's grant was turned into. This one ends without a release: its driver has ended the grant.
  ///
  /// - Parameters:
  ///   - driver: The driver of the new grant.
  ///   - grant: The number of the new grant.
  ///   - token: The token of the new grant.
  ///   - conversion: What was done with the grant.
  package consuming func converted(
    to driver: any LeaseDriver,
    grant: UInt64,
    token: FencingToken?,
    by conversion: LeaseConversion
  ) -> Lease {
    self.isOwned = false
    let lease = Lease(driver: driver, grant: grant, token: token)
    guard let observation = self.observation else { return lease }
    return observation.convert(to: lease, conversion.result)
  }

  /// What measures the hold; nil if nobody listens.
  var observation: ObservedGrant? { self.driver as? ObservedGrant }

  /// Gives back a lock that nobody has used.
  package consuming func releaseQuietly() async { _ = await self.releaseTellingLoss() }

  /// Gives the lock back.
  ///
  /// - Returns: The loss, if the lease had been lost before, or the backend finds so now.
  consuming func releaseTellingLoss() async -> LockError? {
    do throws(LockError) {
      try await self.release()
      return nil
    } catch {
      // Only `lockLost` can be thrown.
      return error
    }
  }
}

extension DistributedSemaphore {
  /// Runs a body with one permit.
  ///
  /// - Parameters:
  ///   - timeout: The budget for the wait; nil waits for ever, zero tries once.
  ///   - isolation: The actor to stay on; leave it out.
  ///   - body: What to do with the permit.
  /// - Returns: What the body returned, if the permit was held until then and given back.
  /// - Throws: As ``withPermits(_:within:isolation:_:)``.
  public func withPermit<R>(
    within timeout: Duration? = nil,
    isolation: isolated (any Actor)? = #isolation,
    _ body: (HeldLock) async throws -> sending R
  ) async throws -> sending R {
    try await self.withPermits(1, within: timeout, isolation: isolation, body)
  }

  /// Runs a body with some permits.
  ///
  /// Waits for them, lends the body a view of their lease, and gives them back when the body has ended, whichever way. The body
  /// runs as that of ``DistributedLock/withLock(within:isolation:_:)`` does: on the caller's actor, cancelled if the permits are lost.
  ///
  /// - Parameters:
  ///   - permits: How many, at least 1.
  ///   - timeout: The budget for the wait; nil waits for ever, zero tries once.
  ///   - isolation: The actor to stay on; leave it out.
  ///   - body: What to do with the permits.
  /// - Returns: What the body returned, if the permits were held until then and given back.
  /// - Throws: ``LockError`` from the wait, `CancellationError` if the wait was cancelled, the body's own error,
  ///   ``LockError/Code/lockLost`` if the permits were lost before they were given back, and ``BodyFailedAfterLoss`` if the body
  ///   ended with an error of its own after a loss.
  public func withPermits<R>(
    _ permits: Int,
    within timeout: Duration? = nil,
    isolation: isolated (any Actor)? = #isolation,
    _ body: (HeldLock) async throws -> sending R
  ) async throws -> sending R {
    let lease: Lease
    do throws(LockError) {
      lease = try await self.acquire(permits, within: timeout)
    } catch {
      throw error.outsideThisPackage
    }
    return try await lease.run(isolation: isolation, body)
  }

  /// Runs a body with one permit if one is free, and nobody waits for permits before.
  ///
  /// - Parameters:
  ///   - isolation: The actor to stay on; leave it out.
  ///   - body: What to do with the permit.
  /// - Returns: What the body returned, or nil if no permit is free.
  /// - Throws: As ``withPermits(_:within:isolation:_:)``.
  public func withPermitIfAvailable<R>(
    isolation: isolated (any Actor)? = #isolation,
    _ body: (HeldLock) async throws -> sending R
  ) async throws -> sending R? {
    try await self.withPermitsIfAvailable(1, isolation: isolation, body)
  }

  /// Runs a body with some permits if that many are free, and nobody waits for permits before.
  ///
  /// - Parameters:
  ///   - permits: How many, at least 1.
  ///   - isolation: The actor to stay on; leave it out.
  ///   - body: What to do with the permits.
  /// - Returns: What the body returned, or nil if fewer are free.
  /// - Throws: As ``withPermits(_:within:isolation:_:)``.
  public func withPermitsIfAvailable<R>(
    _ permits: Int,
    isolation: isolated (any Actor)? = #isolation,
    _ body: (HeldLock) async throws -> sending R
  ) async throws -> sending R? {
    let lease: Lease?
    do throws(LockError) {
      lease = try await self.tryAcquire(permits)
    } catch {
      throw error.outsideThisPackage
    }
    guard let lease else { return nil }
    return try await lease.run(isolation: isolation, body)
  }
}

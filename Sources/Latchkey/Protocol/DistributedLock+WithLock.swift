extension DistributedLock {
  /// Runs a body under the lock.
  ///
  /// Waits for the lock, lends the body a view of the lease, and releases when the body has ended, whichever way. The body
  /// keeps the caller's actor, task executor and task-local values. If the lock is lost while the body runs, the body's task is cancelled.
  /// Its cancellation handlers (`withTaskCancellationHandler`) then run on a thread of the library that serves other locks as
  /// well: like all cancellation handlers they must not wait, least of all for a lock or an answer of the same client.
  ///
  /// ```swift
  /// try await locks.lock("orders/42").withLock { held in
  ///   try await orders.save(order, fencedBy: held.token)
  /// }
  /// ```
  ///
  /// - Parameters:
  ///   - timeout: The budget for the wait; nil waits for ever, zero tries once.
  ///   - isolation: The actor to stay on; leave it out.
  ///   - body: What to do under the lock.
  /// - Returns: What the body returned, if the lock was held until then and given back.
  /// - Throws: ``LockError`` from the wait, `CancellationError` if the wait was cancelled, ``LockError/Code/wouldDeadlock``
  ///   if this very task already runs the body of `withLock` on this lock, the body's own error,
  ///   ``LockError/Code/lockLost`` if the lock was lost before it was given back, whether the body returned, was cancelled or
  ///   found out by ``HeldLock/ensureHeld()``; ``BodyFailedAfterLoss`` if the body ended with an error of its own after a loss.
  public func withLock<R>(
    within timeout: Duration? = nil,
    isolation: isolated (any Actor)? = #isolation,
    _ body: (HeldLock) async throws -> sending R
  ) async throws -> sending R {
    try HoldMarker.check(self)
    return try await self.acquireForBody(within: timeout).run(isolation: isolation, body)
  }

  /// Runs a body under the lock if nobody else has it.
  ///
  /// - Parameters:
  ///   - isolation: The actor to stay on; leave it out.
  ///   - body: What to do under the lock.
  /// - Returns: What the body returned, or nil if somebody else holds the lock.
  /// - Throws: As ``withLock(within:isolation:_:)``.
  public func withLockIfAvailable<R>(
    isolation: isolated (any Actor)? = #isolation,
    _ body: (HeldLock) async throws -> sending R
  ) async throws -> sending R? {
    try HoldMarker.check(self)
    guard let lease = try await self.tryAcquireForBody() else { return nil }
    return try await lease.run(isolation: isolation, body)
  }

  /// `acquire`, with a cancelled wait told the way that code outside this package expects.
  private func acquireForBody(within timeout: Duration?) async throws -> Lease {
    do throws(LockError) {
      return try await self.acquire(within: timeout)
    } catch {
      throw error.outsideThisPackage
    }
  }

  /// `tryAcquire`, with a cancelled try told the way that code outside this package expects.
  private func tryAcquireForBody() async throws -> Lease? {
    do throws(LockError) {
      return try await self.tryAcquire()
    } catch {
      throw error.outsideThisPackage
    }
  }
}

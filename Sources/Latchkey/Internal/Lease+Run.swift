extension Lease {
  /// Runs a body under the lease and releases it, whichever way the body ends.
  ///
  /// Under a lease that cannot be lost the body runs in place. Otherwise it runs in an inner task that can be cancelled by
  /// itself when the lock is lost; the caller's own cancellation is passed on to it.
  @usableFromInline
  consuming func run<R>(
    isolation: isolated (any Actor)?,
    _ body: (HeldLock) async throws -> sending R
  ) async throws -> sending R {
    let held = self.held
    let value: R
    do {
      if let observation = self.observation {
        value = try await observation.run(isolation: isolation) {
          try await Self.run(held, isolation: isolation, body)
        }
      } else {
        value = try await Self.run(held, isolation: isolation, body)
      }
    } catch {
      guard let loss = await self.releaseTellingLoss() else { throw error }
      throw held.error(after: error, loss)
    }
    // What the body returned is not proven to have been done under the lock.
    if let loss = await self.releaseTellingLoss() { throw loss }
    // Safe: the value came out of `body` as `sending`; nothing here keeps a reference to it.
    nonisolated(unsafe) let result = value
    return result
  }

  private static func run<R>(
    _ held: HeldLock,
    isolation: isolated (any Actor)?,
    _ body: (HeldLock) async throws -> sending R
  ) async throws -> R {
    held.canBeLost
      ? try await Self.runWatched(held, isolation: isolation, body)
      : try await held.runInPlace(body)
  }

  /// The task executor that the caller has chosen: an inner task does not inherit it.
  private static var preferredExecutor: (any TaskExecutor)? {
    #if compiler(>=6.3)
    if #available(macOS 26.4, iOS 26.4, tvOS 26.4, watchOS 26.4, visionOS 26.4, *) {
      return withUnsafeCurrentTask { $0?.unownedTaskExecutor?.asTaskExecutor() }
    }
    #endif
    return nil
  }

  private static func runWatched<R>(
    _ held: HeldLock,
    isolation: isolated (any Actor)?,
    _ body: (HeldLock) async throws -> sending R
  ) async throws -> sending R {
    let caller = HoldMarker.taskIdentity
    // Safe: written once by the inner task, which has ended when it is read; `body` returned it as `sending`.
    nonisolated(unsafe) var value: R?
    try await withoutActuallyEscaping(body) { escapingBody in
      // Safe: the caller is suspended until the inner task has ended, and the inner task runs on the caller's actor, so the
      // body is never used from two places at once.
      nonisolated(unsafe) let body = escapingBody
      let task = Task.immediate(executorPreference: Self.preferredExecutor) {
        _ = isolation
        try await HoldMarker.storage.withValue(
          held.marker(caller: caller),
          operation: { value = try await body(held) },
          isolation: isolation
        )
      }
      let handler = held.onEnding { ending in
        if case .lost = ending { task.cancel() }
      }
      let outcome = await withTaskCancellationHandler {
        await task.result
      } onCancel: {
        task.cancel()
      }
      if let handler { held.removeEndingHandler(handler) }
      if case .failure(let error) = outcome { throw held.loss.map { held.error(after: error, $0) } ?? error }
    }
    guard let value else { preconditionFailure("the inner task returned without running the body") }
    // Safe: as above, nothing else refers to it.
    nonisolated(unsafe) let result = value
    return result
  }
}

extension HeldLock {
  /// Runs a body in the current task, marked as running under this lock.
  @inline(__always)
  package func runInPlace<R>(_ body: (HeldLock) async throws -> sending R) async throws -> sending R {
    // Safe: the value came out of `body` as `sending`; nothing here keeps a reference to it.
    nonisolated(unsafe) let value = try await HoldMarker.storage.withValue(
      self.marker(),
      operation: { try await body(self) }
    )
    return value
  }
}

extension HeldLock {
  /// What the caller of `withLock` gets for a body's error after a loss: the loss itself if the body has only passed on that it
  /// was lost or cancelled, else both.
  fileprivate func error(after bodyError: any Error, _ loss: LockError) -> any Error {
    switch bodyError {
    case is CancellationError, LockError.Code.cancelled: loss
    case let error as LockError where error.code == .lockLost && error.name == self.name: loss
    case let error as BodyFailedAfterLoss where error.loss.name == self.name: error
    default: BodyFailedAfterLoss(bodyError: bodyError, loss: loss)
    }
  }
}

extension Lease {
  /// Runs a body under the lease and releases it, whichever way the body ends.
  ///
  /// A lease without a deadline cannot be lost to time, so its body runs in place. Otherwise the body runs in an inner task
  /// that can be cancelled by itself when the lock is lost; the caller's own cancellation is passed on to it.
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
      await self.releaseQuietly()
      throw error
    }
    await self.releaseQuietly()
    // Safe: the value came out of `body` as `sending`; nothing here keeps a reference to it.
    nonisolated(unsafe) let result = value
    return result
  }

  private static func run<R>(
    _ held: HeldLock,
    isolation: isolated (any Actor)?,
    _ body: (HeldLock) async throws -> sending R
  ) async throws -> R {
    held.deadline == nil
      ? try await held.runInPlace(body)
      : try await Self.runWatched(held, isolation: isolation, body)
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
      let task = Task.immediate {
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
      if case .failure(let error) = outcome { throw held.error(after: error) }
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
  func runInPlace<R>(_ body: (HeldLock) async throws -> sending R) async throws -> sending R {
    // Safe: the value came out of `body` as `sending`; nothing here keeps a reference to it.
    nonisolated(unsafe) let value = try await HoldMarker.storage.withValue(
      self.marker(),
      operation: { try await body(self) }
    )
    return value
  }
}

extension HeldLock {
  /// The error that the caller of `withLock` gets for a body's error.
  fileprivate func error(after bodyError: any Error) -> any Error {
    guard let loss = self.loss else { return bodyError }
    return bodyError is CancellationError ? loss : BodyFailedAfterLoss(bodyError: bodyError, loss: loss)
  }

  /// The loss, if there is one by now. Asked of the driver: a handler of ours may be called later than whatever made the body
  /// fail.
  private var loss: LockError? {
    // An answer of false also ends a term whose deadline has just passed.
    _ = self.isHeld
    let ending = SingleValue()
    // A grant that has ended calls the handler before this returns.
    if let handler = self.onEnding({ ending.set($0) }) { self.removeEndingHandler(handler) }
    if case .lost(let loss) = ending.get() { return loss }
    return nil
  }

  private final class SingleValue: Sendable {
    private let ending = Locked<LeaseEnding?>(nil)

    func set(_ ending: LeaseEnding) { self.ending.withLock { $0 = ending } }

    func get() -> LeaseEnding? { self.ending.withLock { $0 } }
  }
}

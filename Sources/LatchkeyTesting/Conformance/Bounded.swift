internal import LatchkeyPrimitives

/// Runs an operation in a task of its own and stops waiting for it when the time is up, even if it ignores cancellation.
///
/// - Returns: How the operation ended, or nil if it did not end in time; it is then cancelled and left behind.
package func bounded<Value: Sendable>(
  by limit: Duration,
  _ operation: @escaping @Sendable () async throws -> Value
) async -> Result<Value, any Error>? {
  let outcome = OneShot<Result<Value, any Error>?>()
  let work = Task {
    do {
      outcome.resolve(.success(try await operation()))
    } catch {
      outcome.resolve(.failure(error))
    }
  }
  let timer = Task {
    do {
      try await Task.sleep(for: limit)
      outcome.resolve(nil)
    } catch {
      // The operation has ended in time.
    }
  }
  let result = await withTaskCancellationHandler {
    await outcome.value
  } onCancel: {
    work.cancel()
  }
  timer.cancel()
  if result == nil { work.cancel() }
  return result
}

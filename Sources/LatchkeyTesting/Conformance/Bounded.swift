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

/// Runs a check, then what cleans up after it, each for a limited time.
///
/// - Parameters:
///   - patience: How long each may take.
///   - check: The check.
///   - step: What the check is doing.
///   - cleanUp: What cleans up, whether the check has passed or not.
/// - Returns: The first error, and what was being done; nil if there was none.
func firstFailure(
  within patience: Duration,
  of check: @escaping @Sendable () async throws -> Void,
  at step: () -> String,
  cleanUp: @escaping @Sendable () async throws -> Void
) async -> (error: any Error, step: String)? {
  let result = await bounded(by: patience, check)
  let step = step()
  let cleaned = await bounded(by: patience, cleanUp)
  let late = Unmet(expected: "to end within \(patience)", seen: "still running")
  for (result, step) in [(result, step), (cleaned, "cleaning up")] {
    if case .failure(let error) = result ?? .failure(late) { return (error, step) }
  }
  return nil
}

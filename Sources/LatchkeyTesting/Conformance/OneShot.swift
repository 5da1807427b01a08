internal import Latchkey

/// A value that comes once, for any number of tasks that wait for it.
package final class OneShot<Value: Sendable>: Sendable {
  private struct State {
    var value: Value?
    var waiters: [CheckedContinuation<Value, Never>] = []
  }

  private let state = Locked(State())

  package init() {}

  /// The value, once it has come. Not cut short by cancellation.
  package var value: Value {
    get async {
      await withCheckedContinuation { continuation in
        let known = self.state.withLock { state -> Value? in
          if state.value == nil { state.waiters.append(continuation) }
          return state.value
        }
        if let known { continuation.resume(returning: known) }
      }
    }
  }

  /// The value, if it has come.
  package var current: Value? { self.state.withLock { $0.value } }

  /// Gives the value; only the first counts.
  package func fulfil(_ value: Value) {
    let waiters = self.state.withLock { state -> [CheckedContinuation<Value, Never>] in
      guard state.value == nil else { return [] }
      state.value = value
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.resume(returning: value) }
  }
}

extension OneShot<Void> {
  package func open() { self.fulfil(()) }
}

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
      outcome.fulfil(.success(try await operation()))
    } catch {
      outcome.fulfil(.failure(error))
    }
  }
  let timer = Task {
    do {
      try await Task.sleep(for: limit)
      outcome.fulfil(nil)
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

internal import Latchkey
internal import LatchkeyPrimitives

/// Holds tasks back until all have arrived; each then learns whether all of them are ready.
final class Gate: Sendable {
  private struct State {
    var missing: Int
    var allWell = true
    var waiting: [CheckedContinuation<Bool, Never>] = []
  }

  private let state: Locked<State>

  /// - Parameter count: How many must come.
  init(_ count: Int) {
    self.state = Locked(State(missing: count))
  }

  /// Waits for the others.
  ///
  /// - Parameter well: Whether the caller is ready to go on.
  /// - Returns: Whether all were.
  func arrive(well: Bool = true) async -> Bool {
    await withCheckedContinuation { continuation in
      let (released, allWell) = self.state.withLock { state -> ([CheckedContinuation<Bool, Never>], Bool) in
        state.missing -= 1
        state.allWell = state.allWell && well
        state.waiting.append(continuation)
        guard state.missing == 0 else { return ([], false) }
        defer { state.waiting = [] }
        return (state.waiting, state.allWell)
      }
      for waiter in released { waiter.resume(returning: allWell) }
    }
  }
}

/// A `with…` scope that stays open until it is closed.
///
/// For scopes whose number is known only at run time, and of which one that fails must not end the others.
struct OpenScope<Value: Sendable>: Sendable {
  /// What the scope lends.
  let value: Value
  private let task: Task<Void, any Error>
  private let end: AsyncStream<Never>.Continuation

  /// Enters a scope.
  ///
  /// - Parameter enter: Calls its argument with what the scope lends, and returns when everything is cleaned up.
  /// - Throws: What entering threw; `CancellationError` if the task was cancelled.
  static func open(
    _ enter: @escaping @Sendable (_ body: @escaping @Sendable (Value) async throws -> Void) async throws -> Void
  ) async throws -> OpenScope {
    let (entered, tell) = AsyncStream.makeStream(of: Value.self)
    let (ended, end) = AsyncStream.makeStream(of: Never.self)
    let task = Task {
      defer { tell.finish() }
      try await enter { value in
        tell.yield(value)
        for await _ in ended {}
      }
    }
    return try await withTaskCancellationHandler {
      var values = entered.makeAsyncIterator()
      guard let value = await values.next() else {
        end.finish()
        try await task.value
        throw CancellationError()
      }
      return OpenScope(value: value, task: task, end: end)
    } onCancel: {
      task.cancel()
    }
  }

  /// Leaves the scope, and waits until everything is cleaned up.
  func close() async {
    self.end.finish()
    // A failure of the clean-up does not replace results that are there.
    _ = await self.task.result
  }
}

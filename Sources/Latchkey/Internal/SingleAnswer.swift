/// A value that somebody waits for and that is answered once, by whichever of several comes first; later answers are
/// ignored, and an answer may come before the wait.
package final class SingleAnswer<Value: Sendable>: Sendable {
  private enum State {
    case open
    case waiting(CheckedContinuation<Value, Never>)
    case answered(Value)
  }

  private let state = Locked(State.open)

  package init() {}

  package func answer(_ value: Value) {
    let waiting = self.state.withLock { state -> CheckedContinuation<Value, Never>? in
      switch state {
      case .open:
        state = .answered(value)
        return nil
      case .waiting(let continuation):
        state = .answered(value)
        return continuation
      case .answered:
        return nil
      }
    }
    waiting?.resume(returning: value)
  }

  /// Waits for the answer; a single caller may.
  ///
  /// - Parameter cancelled: The answer to give if the waiting task is cancelled.
  package func wait(cancelled: @autoclosure @escaping @Sendable () -> Value) async -> Value {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let known = self.state.withLock { state -> Value? in
          if case .answered(let value) = state { return value }
          state = .waiting(continuation)
          return nil
        }
        if let known { continuation.resume(returning: known) }
      }
    } onCancel: {
      self.answer(cancelled())
    }
  }
}

internal import Latchkey

/// A value that comes once, for any number of tasks that wait for it. The first one counts.
final class SharedAnswer<Value: Sendable>: Sendable {
  private struct State {
    var value: Value?
    var line = WaitLine<Value?>()
  }

  private enum Place {
    case known(Value)
    case joined(WaitLine<Value?>.ID)
  }

  private let state = Locked(State())

  func give(_ value: Value) {
    let waiting = self.state.withLock { state -> [CheckedContinuation<Value?, Never>] in
      guard state.value == nil else { return [] }
      state.value = value
      return state.line.leaveAll(with: value)
    }
    for continuation in waiting { continuation.resume(returning: value) }
  }

  /// Waits for the value; nil if the waiting task is cancelled.
  func wait() async -> Value? {
    let place = self.state.withLock { state -> Place in
      state.value.map { .known($0) } ?? .joined(state.line.join())
    }
    switch place {
    case .known(let value): return value
    case .joined(let id):
      return await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in
          let early = self.state.withLock { $0.line.suspend(id, continuation) }
          if let early { continuation.resume(returning: early) }
        }
      } onCancel: {
        self.state.withLock { $0.line.leave(id, with: nil) }.resume(with: nil)
      }
    }
  }
}

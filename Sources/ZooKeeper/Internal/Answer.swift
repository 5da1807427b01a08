internal import Latchkey

/// The answer to one request, for one task that waits for it. The first answer counts.
final class Answer<Value: Sendable>: Sendable {
  typealias Outcome = Result<Value, ZooKeeperError>

  private enum State {
    case open
    case waiting(CheckedContinuation<Outcome, Never>)
    case answered(Outcome)
    case taken
  }

  private let state = Locked(State.open)

  func give(_ outcome: Outcome) {
    let waiting = self.state.withLock { state -> CheckedContinuation<Outcome, Never>? in
      switch state {
      case .open:
        state = .answered(outcome)
        return nil
      case .waiting(let continuation):
        state = .taken
        return continuation
      case .answered, .taken:
        return nil
      }
    }
    waiting?.resume(returning: outcome)
  }

  /// Waits for the answer; a cancelled task gets `cancelled` at once.
  func wait(_ cancelled: @autoclosure @escaping @Sendable () -> ZooKeeperError) async throws(ZooKeeperError) -> Value {
    let outcome = await withTaskCancellationHandler {
      await withCheckedContinuation { (continuation: CheckedContinuation<Outcome, Never>) in
        let known = self.state.withLock { state -> Outcome? in
          guard case .answered(let outcome) = state else {
            state = .waiting(continuation)
            return nil
          }
          state = .taken
          return outcome
        }
        if let known { continuation.resume(returning: known) }
      }
    } onCancel: {
      self.give(.failure(cancelled()))
    }
    return try outcome.get()
  }
}

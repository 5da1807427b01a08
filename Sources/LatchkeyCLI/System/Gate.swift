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

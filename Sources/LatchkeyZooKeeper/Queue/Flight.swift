internal import LatchkeyPrimitives

/// Collects the answers to requests that go out together.
final class Flight<Answers: Sendable>: Sendable {
  private let state: Locked<(answers: Answers, outstanding: Int)>
  private let done: @Sendable (Answers) -> Void

  /// - Parameters:
  ///   - answers: What is known before any request is answered.
  ///   - parts: How many requests there are.
  ///   - done: Called with all answers, once the last one is there.
  init(_ answers: Answers, of parts: Int, _ done: @escaping @Sendable (Answers) -> Void) {
    self.state = Locked((answers, parts))
    self.done = done
  }

  /// Notes the answer to a request.
  func answered(_ note: (inout Answers) -> Void) {
    let all = self.state.withLock { state -> Answers? in
      note(&state.answers)
      state.outstanding -= 1
      return state.outstanding == 0 ? state.answers : nil
    }
    if let all { self.done(all) }
  }
}

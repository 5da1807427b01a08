internal import LatchkeyPrimitives

/// Something in this process that callers wait for in a line.
protocol WaitRoom: AnyObject, Sendable {
  associatedtype Answer: Sendable

  /// Lends the line, under the lock that guards it.
  func withLine<R: Sendable>(_ body: (inout WaitLine<Answer>) -> R) -> R

  /// A caller has left the line without what it waited for. Those behind it may have waited for that alone.
  func gaveUp(_ id: WaitLine<Answer>.ID)
}

extension WaitRoom {
  /// Where one is served at a time, those behind wait for the holder in any case.
  func gaveUp(_ id: WaitLine<Answer>.ID) {}

  /// Suspends a caller that has joined the line until it is answered, its time is up or its task is cancelled, whichever comes
  /// first.
  ///
  /// - Parameters:
  ///   - id: Its place.
  ///   - deadline: When its time is up; nil for never.
  ///   - late: The answer then, with the number of callers that stand before it.
  ///   - cancelled: The answer to a cancelled task.
  func wait(
    at id: WaitLine<Answer>.ID,
    until deadline: ContinuousClock.Instant?,
    late: @escaping @Sendable (_ ahead: Int) -> Answer,
    cancelled: Answer
  ) async -> Answer {
    await withDeadline(deadline) {
      self.leave(id) { late($0.countAhead(of: id)) }
    } wait: {
      await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in
          let early = self.withLine { $0.suspend(id, continuation) }
          if let early { continuation.resume(returning: early) }
        }
      } onCancel: {
        self.leave(id) { _ in cancelled }
      }
    }
  }

  private func leave(_ id: WaitLine<Answer>.ID, _ answer: (WaitLine<Answer>) -> Answer) {
    let (answer, departure) = self.withLine { line in
      let answer = answer(line)
      return (answer, line.leave(id, with: answer))
    }
    guard departure.isDelivered else { return }
    self.gaveUp(id)
    departure.resume(with: answer)
  }
}

internal import Latchkey

/// The answer to one request, for one task that waits for it. The first answer counts.
struct Answer<Value: Sendable>: Sendable {
  typealias Outcome = Result<Value, ZooKeeperError>

  private let answer = SingleAnswer<Outcome>()

  func give(_ outcome: Outcome) {
    self.answer.answer(outcome)
  }

  /// Waits for the answer; a cancelled task gets `cancelled` at once.
  func wait(_ cancelled: @autoclosure @escaping @Sendable () -> ZooKeeperError) async throws(ZooKeeperError) -> Value {
    try await self.outcome(cancelled()).get()
  }

  /// As ``wait(_:)``, with the error in the result.
  func outcome(_ cancelled: @autoclosure @escaping @Sendable () -> ZooKeeperError) async -> Outcome {
    await self.answer.wait(cancelled: .failure(cancelled()))
  }
}

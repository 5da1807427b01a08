internal import Latchkey

/// The answer to one request, for one task that waits for it. The first answer counts.
struct Answer<Value: Sendable>: Sendable {
  typealias Outcome = Result<Value, ZooKeeperError>

  private let outcome = SingleAnswer<Outcome>()

  func give(_ outcome: Outcome) {
    self.outcome.answer(outcome)
  }

  /// Waits for the answer; a cancelled task gets `cancelled` at once.
  func wait(_ cancelled: @autoclosure @escaping @Sendable () -> ZooKeeperError) async throws(ZooKeeperError) -> Value {
    try await self.outcome.wait(cancelled: .failure(cancelled())).get()
  }
}

/// Asks again and again until the answer is yes.
///
/// - Parameters:
///   - limit: How long to go on.
///   - interval: The pause between two questions.
///   - condition: The question.
/// - Returns: Whether the answer was yes within the limit.
/// - Throws: What the question throws, or `CancellationError`.
public func eventually(
  within limit: Duration = .seconds(10),
  every interval: Duration = .milliseconds(10),
  _ condition: () async throws -> Bool
) async throws -> Bool {
  let deadline = ContinuousClock.now + limit
  while true {
    if try await condition() { return true }
    guard ContinuousClock.now < deadline else { return false }
    try await Task.sleep(for: interval)
  }
}

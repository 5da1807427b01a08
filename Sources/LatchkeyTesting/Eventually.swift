/// Asks again and again until a condition holds or the time is up.
///
/// For what nothing announces; where there is an event to wait for, wait for that.
///
/// - Parameters:
///   - limit: The longest wait.
///   - interval: The pause between two questions.
///   - isolation: The actor to stay on; leave it out.
///   - condition: What is waited for.
/// - Returns: Whether the condition came to hold. It is asked at least once, and once more when the time is up.
/// - Throws: What the condition throws, or `CancellationError`.
public func eventually(
  within limit: Duration = .seconds(10),
  every interval: Duration = .milliseconds(2),
  isolation: isolated (any Actor)? = #isolation,
  _ condition: () async throws -> Bool
) async throws -> Bool {
  let end = ContinuousClock.now.advanced(by: limit)
  while true {
    let isLast = ContinuousClock.now >= end
    if try await condition() { return true }
    if isLast { return false }
    try await Task.sleep(for: interval)
  }
}

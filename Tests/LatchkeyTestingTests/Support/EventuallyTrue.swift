import LatchkeyTesting
import Testing

/// Waits until something is true, and fails the test if it does not become so.
func eventuallyTrue(
  within limit: Duration = .seconds(60),
  sourceLocation: SourceLocation = #_sourceLocation,
  _ condition: () async throws -> Bool
) async throws {
  let isTrue = try await eventually(within: limit, condition)
  try #require(isTrue, "It has not become true within \(limit).", sourceLocation: sourceLocation)
}

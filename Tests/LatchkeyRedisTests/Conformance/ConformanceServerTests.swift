import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@Suite("The Redis locks keep the promises of the protocol", .serialized, .timeLimit(.minutes(30)))
struct ConformanceServerTests {
  private static let one = Task { LockSubject.redis("one Redis server", try await QuorumOfRedis.one.value) }
  private static let five = Task { LockSubject.redis("Redlock on five servers", try await QuorumOfRedis.five.value) }

  @Test("on one server", arguments: LockConformance.checks)
  func oneServer(check: LockConformance.Check) async throws {
    // Neither lock is fair among clients, and this one has tokens.
    try await expectPassed(check, on: try await Self.one.value, without: [.noFencingTokens, .fairness])
  }

  @Test("on five servers", arguments: LockConformance.checks)
  func fiveServers(check: LockConformance.Check) async throws {
    try await expectPassed(check, on: try await Self.five.value, without: [.fencingTokens, .fairness])
  }
}

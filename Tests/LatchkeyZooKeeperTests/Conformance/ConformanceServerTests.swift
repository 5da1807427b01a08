import LatchkeyTesting
import Testing

@Suite("The ZooKeeper lock keeps the promises of the protocol", .serialized, .timeLimit(.minutes(30)))
struct ConformanceServerTests {
  private static let one = Task { try await LockSubject.zooKeeper("one server", TestServers.conformance.value) }
  private static let three = Task {
    try await LockSubject.zooKeeper("three servers", TestServers.conformanceEnsemble.value)
  }

  @Test("on one server", arguments: LockConformance.checks)
  func oneServer(check: LockConformance.Check) async throws {
    try await Self.run(check, on: try await Self.one.value)
  }

  @Test("on three servers", arguments: LockConformance.checks)
  func threeServers(check: LockConformance.Check) async throws {
    try await Self.run(check, on: try await Self.three.value)
  }

  private static func run(_ check: LockConformance.Check, on subject: LockSubject) async throws {
    // The only check that may not apply is the one for locks without tokens.
    if check.needs.contains(.noFencingTokens) { return }
    let outcome = try await LockConformance(subject: subject).run(check)
    #expect(outcome == .passed)
  }
}

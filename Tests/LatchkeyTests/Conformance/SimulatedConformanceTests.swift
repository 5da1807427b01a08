import LatchkeyTesting
import Testing

extension TimedTests {
  @Suite("Conformance of a simulated lock with sessions and faults", .timeLimit(.minutes(5)))
  struct SimulatedConformanceTests {
    static let fenced = LockConformance(subject: .simulated())
    static let unfenced = LockConformance(subject: .simulated(isFenced: false))

    @Test("a lock that does everything right passes every check", arguments: LockConformance.checks)
    func passes(_ check: LockConformance.Check) async throws {
      let isForUnfenced = check.needs.contains(.noFencingTokens)
      #expect(try await (isForUnfenced ? Self.unfenced : Self.fenced).run(check) == .passed)
    }
  }
}

import LatchkeyTesting
import Testing

extension TimedTests {
  @Suite("Conformance of the in-process locks", .timeLimit(.minutes(5)))
  struct LocalConformanceTests {
    static let mutex = LockConformance(subject: .mutex())
    static let channel = LockConformance(subject: .channel())

    @Test("the mutex keeps its promise", arguments: Self.mutex.applicable)
    func mutexKeepsPromise(_ check: LockConformance.Check) async throws {
      #expect(try await Self.mutex.run(check) == .passed)
    }

    @Test("the channel try-lock keeps its promise", arguments: Self.channel.applicable)
    func channelKeepsPromise(_ check: LockConformance.Check) async throws {
      #expect(try await Self.channel.run(check) == .passed)
    }

    @Test("what does not apply to in-process locks needs a deadline, a fault, or a lock without tokens")
    func notApplicable() async throws {
      let missing = Set(LockSubject.Need.allCases).subtracting([.fencingTokens, .fairness, .namedHolders])
      for conformance in [Self.mutex, Self.channel] {
        #expect(conformance.notApplicable.allSatisfy { !$0.needs.isDisjoint(with: missing) })
        #expect(conformance.applicable.count + conformance.notApplicable.count == LockConformance.checks.count)
        for check in conformance.notApplicable {
          guard case .notApplicable = try await conformance.run(check) else {
            Issue.record("\(check) ran without what it needs")
            continue
          }
        }
      }
    }
  }
}

import Latchkey
import LatchkeyTesting
import Testing

extension TimedTests {
  @Suite("Conformance of locks that have no deadline and can be lost", .timeLimit(.minutes(5)))
  struct SessionConformanceTests {
    static let sessions = LockConformance(subject: .sessions(.byBackend))

    @Test("locks that belong to a session keep their promise", arguments: Self.sessions.applicable)
    func keepsPromise(_ check: LockConformance.Check) async throws {
      #expect(try await Self.sessions.run(check) == .passed)
    }

    @Test(
      "a backend whose leases say that nothing can end them, although its sessions can, is caught",
      arguments: Self.sessions.applicable.filter { $0.name.hasPrefix("the body of withLock is cancelled") }
    )
    func wrongLoss(_ check: LockConformance.Check) async {
      var subject = LockSubject.sessions(.never)
      subject.patience = .seconds(1)
      let conformance = LockConformance(subject: subject)
      await #expect(throws: ConformanceFailure.self) { try await conformance.run(check) }
    }
  }
}

import LatchkeyTesting
import Testing

extension TimedTests {
  @Suite("Conformance of a simulated lock with sessions and faults", .timeLimit(.minutes(5)))
  struct SimulatedConformanceTests {
    static let fenced = LockConformance(subject: .simulated())
    static let unfenced = LockConformance(subject: .simulated(isFenced: false))

    static let readWriteLock = LockConformance(subject: .simulatedReadWriteLock())
    static let semaphore = LockConformance(subject: .simulatedSemaphore())

    @Test("a lock that does everything right passes every check", arguments: LockConformance.checks)
    func passes(_ check: LockConformance.Check) async throws {
      let isForUnfenced = check.needs.contains(.noFencingTokens)
      #expect(try await (isForUnfenced ? Self.unfenced : Self.fenced).run(check) == .passed)
    }

    @Test("a read-write lock that does everything right passes every check", arguments: LockConformance.readWriteChecks)
    func readWriteLockPasses(_ check: LockConformance.Check) async throws {
      #expect(try await Self.readWriteLock.run(check) == .passed)
    }

    @Test("a semaphore that does everything right passes every check", arguments: LockConformance.semaphoreChecks)
    func semaphorePasses(_ check: LockConformance.Check) async throws {
      #expect(try await Self.semaphore.run(check) == .passed)
    }
  }
}

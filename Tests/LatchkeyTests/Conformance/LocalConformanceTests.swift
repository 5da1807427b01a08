import LatchkeyTesting
import Testing

extension TimedTests {
  @Suite("Conformance of the in-process locks", .timeLimit(.minutes(5)))
  struct LocalConformanceTests {
    static let mutex = LockConformance(subject: .mutex())
    static let channel = LockConformance(subject: .channel())
    static let readWriteLock = LockConformance(subject: .localReadWriteLock())
    static let semaphore = LockConformance(subject: .localSemaphore())

    @Test("the mutex keeps its promise", arguments: Self.mutex.applicable)
    func mutexKeepsPromise(_ check: LockConformance.Check) async throws {
      #expect(try await Self.mutex.run(check) == .passed)
    }

    @Test("the channel try-lock keeps its promise", arguments: Self.channel.applicable)
    func channelKeepsPromise(_ check: LockConformance.Check) async throws {
      #expect(try await Self.channel.run(check) == .passed)
    }

    @Test("the read-write lock keeps its promise", arguments: Self.readWriteLock.applicable)
    func readWriteLockKeepsPromise(_ check: LockConformance.Check) async throws {
      #expect(try await Self.readWriteLock.run(check) == .passed)
    }

    @Test("the semaphore keeps its promise", arguments: Self.semaphore.applicable)
    func semaphoreKeepsPromise(_ check: LockConformance.Check) async throws {
      #expect(try await Self.semaphore.run(check) == .passed)
    }

    @Test("what does not apply to in-process locks needs a deadline, a fault, or what another kind of lock has")
    func notApplicable() async throws {
      let lock: Set<LockSubject.Need> = [.fencingTokens, .fairness, .namedHolders, .refusesOwner]
      let subjects: [(LockConformance, has: Set<LockSubject.Need>)] = [
        (Self.mutex, lock), (Self.channel, lock),
        (Self.readWriteLock, lock.union([.leftovers, .downgrade, .upgrade, .servedWriters])),
        (Self.semaphore, [.noFencingTokens, .fairness, .namedHolders, .leftovers, .sharedLimit]),
      ]
      for (conformance, has) in subjects {
        #expect(conformance.notApplicable.allSatisfy { !$0.needs.isSubset(of: has) })
        #expect(conformance.applicable.allSatisfy { $0.needs.isSubset(of: has) })
        #expect(conformance.applicable.count + conformance.notApplicable.count == conformance.checks.count)
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

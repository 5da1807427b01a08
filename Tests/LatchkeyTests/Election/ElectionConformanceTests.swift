import Latchkey
import LatchkeyTesting
import Testing

extension TimedTests {
  @Suite("Conformance of elections over locks", .timeLimit(.minutes(5)))
  struct ElectionConformanceTests {
    static let mutex = ElectionConformance(subject: Self.localSubject())
    static let sessions = ElectionConformance(subject: Self.sessionSubject())

    private static func localSubject() -> ElectionSubject {
      let locks = LocalLocks()
      var faults = LockFaults<LocalLocks>()
      faults.leftovers = { name in
        guard let lease = try await locks.lock(name).tryAcquire() else { return 1 }
        try await lease.release()
        return 0
      }
      return ElectionSubject(
        label: "an election over a mutex",
        faults: faults,
        makeClient: { locks },
        election: { locks, name in locks.election(name) },
        close: { _ in }
      )
    }

    private static func sessionSubject() -> ElectionSubject {
      let (database, lines) = (SessionDatabase(), LocalLocks())
      let inspector = SessionInspector(database: database)
      var faults = LockFaults<SessionLocks>()
      faults.expireSession = { client in
        try await database.drop(because: "the database ended the session") { $1.session == client.session }
      }
      return ElectionSubject(
        label: "an election over a lock that can be lost",
        faults: faults,
        makeClient: {
          SessionLocks(database: database, lines: lines, loss: .byBackend, session: database.nextNumber())
        },
        election: { client, name in
          LockElection(client.lock(name), inspector: inspector, pollInterval: .milliseconds(10))
        },
        close: { _ in }
      )
    }

    @Test("an election over a mutex keeps the promises of an election", arguments: Self.mutex.applicable)
    func mutexKeepsPromise(_ check: ElectionConformance.Check) async throws {
      try await Self.mutex.run(check)
    }

    @Test("an election over a lock that can be lost keeps them too", arguments: Self.sessions.applicable)
    func sessionsKeepPromise(_ check: ElectionConformance.Check) async throws {
      try await Self.sessions.run(check)
    }

    @Test("what needs a fault is not run on a subject without it")
    func applicable() {
      #expect(Self.mutex.applicable.allSatisfy { $0.needs.isSubset(of: [.leftovers]) })
      #expect(Set(ElectionConformance.checks).count == ElectionConformance.checks.count)
    }
  }
}

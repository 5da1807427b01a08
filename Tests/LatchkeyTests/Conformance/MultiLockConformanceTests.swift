import Latchkey
import LatchkeyTesting
import Testing

/// Locks made of two: of the name that is asked for, and one beside it.
private struct PairedLocks<Locks: LockProvider>: LockProvider {
  let locks: Locks
  let others: LocalLocks

  func lock(_ name: LockName) -> MultiLock {
    do {
      return try MultiLock([self.others.lock(name), self.locks.lock(name)])
    } catch {
      preconditionFailure("two locks are refused: \(error)")
    }
  }
}

extension TimedTests {
  @Suite("Conformance of multi-locks", .timeLimit(.minutes(5)))
  struct MultiLockConformanceTests {
    static let local = LockConformance(subject: Self.localSubject())
    static let sessions = LockConformance(subject: Self.sessionSubject())

    private static func localSubject() -> LockSubject {
      let (locks, others) = (LocalLocks(), LocalLocks())
      let pairs = PairedLocks(locks: locks, others: others)
      var faults = LockFaults<PairedLocks<LocalLocks>>()
      faults.contenders = { name in
        do throws(LockError) {
          try await pairs.lock(name).acquire(within: .zero).release()
          return 0
        } catch {
          return error.wait?.place ?? 0
        }
      }
      return LockSubject(
        label: "two mutexes",
        traits: [.fair, .namesHolder],
        faults: faults,
        makeClient: { pairs },
        close: { _ in }
      )
    }

    private static func sessionSubject() -> LockSubject {
      let (database, lines, others) = (SessionDatabase(), LocalLocks(), LocalLocks())
      var faults = LockFaults<PairedLocks<SessionLocks>>()
      faults.expireSession = { client in
        try await database.drop(because: "the database ended the session") { $1.session == client.locks.session }
      }
      faults.breakLock = { name in
        try await database.drop(because: "it was deleted by hand") { dropped, _ in dropped == name }
      }
      return LockSubject(
        label: "a mutex and a lock of a session",
        traits: [],
        faults: faults,
        makeClient: {
          let session = database.nextNumber()
          return PairedLocks(
            locks: SessionLocks(database: database, lines: lines, loss: .byBackend, session: session),
            others: others
          )
        },
        close: { _ in }
      )
    }

    @Test("two mutexes taken as one keep the promise of a lock", arguments: Self.local.applicable)
    func localKeepsPromise(_ check: LockConformance.Check) async throws {
      #expect(try await Self.local.run(check) == .passed)
    }

    @Test("a mutex and a lock that can be lost, taken as one, keep it too", arguments: Self.sessions.applicable)
    func sessionsKeepPromise(_ check: LockConformance.Check) async throws {
      #expect(try await Self.sessions.run(check) == .passed)
    }
  }
}

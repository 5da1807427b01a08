import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@Suite("An election over a lock", .timeLimit(.minutes(1)))
struct LockElectionTests {
  private let database = SessionDatabase()
  private let lines = LocalLocks()

  private func lock(_ session: Int) -> SessionLock {
    SessionLocks(database: self.database, lines: self.lines, loss: .byBackend, session: session).lock("scheduler")
  }

  @Test("elections over the same mutex are one, and over mutexes of different registries two")
  func sameLock() async throws {
    let locks = LocalLocks()
    let leadership = try await locks.election("a").campaign(value: "one")
    #expect(try await LockElection(locks.lock("a")).leader()?.value == "one")
    #expect(try await LocalLocks().election("a").leader() == nil)
    #expect(try await locks.election("b").leader() == nil)
    try await leadership.resign()
  }

  @Test("an election and a lock of one name exclude each other")
  func excludesLock() async throws {
    let locks = LocalLocks()
    try await locks.election("a").withLeadership(value: "one") { _ in
      let isTaken = try await isBusy(locks.lock("a"))
      #expect(isTaken)
      await #expect { try await locks.lock("a").withLock { _ in } } throws: { LockError.Code.wouldDeadlock ~= $0 }
    }
    try await locks.lock("a").acquire(within: .zero).release()
  }

  @Test("a leader in another process is found by the inspector: its label is its value, and polls tell of changes")
  func otherProcess() async throws {
    let inspector = SessionInspector(database: self.database)
    let election = LockElection(self.lock(1), inspector: inspector, pollInterval: .milliseconds(5))
    let seen = Shared<[String?]>([])
    let watching = Task {
      for await leader in election.leaders { seen.change { $0.append(leader?.value) } }
    }
    try await eventuallyTrue { seen.value == [nil] }
    // Held past the election, as by a process that this one does not know.
    let lease = try await self.lock(7).acquire(within: nil)
    #expect(try await election.leader() == Leader(value: "session 7", token: nil))
    try await eventuallyTrue { seen.value == [nil, "session 7"] }
    try await lease.release()
    try await eventuallyTrue { seen.value == [nil, "session 7", nil] }
    watching.cancel()
    await watching.value
  }

  @Test("over what several may hold at once nobody stands")
  func sharedLock() async throws {
    let locks = LocalLocks()
    let table = locks.readWriteLock("table")
    let shared: [any DistributedLock] = try [
      table.reading, MultiLock([table.reading]), MultiLock([MultiLock([table.reading])]),
    ]
    for lock in shared {
      let election = LockElection(lock, inspector: SessionInspector(database: self.database))
      await #expect { try await election.campaign(value: "one").resign() } throws: {
        LockError.Code.invalidConfiguration ~= $0
      }
    }
    let alone: [any DistributedLock] = try [table.writing, MultiLock([table.reading, locks.lock("a")])]
    for lock in alone {
      let election = LockElection(lock, inspector: SessionInspector(database: self.database))
      try await election.withLeadership(value: "one") { _ in }
    }
  }

  @Test("a backend that fails for a reason that may pass is asked again; one that is closed ends the observation")
  func failingInspector() async throws {
    let inspector = FailingInspector(codes: [.unreachable, .backendFailure, .timedOut])
    let election = LockElection(self.lock(1), inspector: inspector, pollInterval: .milliseconds(1))
    let seen = Shared<[String?]>([])
    for await leader in election.leaders {
      seen.change { $0.append(leader?.value) }
      inspector.fail(with: .closed)
    }
    #expect(seen.value == [nil])
    await #expect { try await election.leader() } throws: { LockError.Code.closed ~= $0 }
  }
}

/// Finds nobody, or fails in the way that the test says.
private final class FailingInspector: LockInspector {
  private let codes: Shared<[LockError.Code]>

  init(codes: [LockError.Code]) {
    self.codes = Shared(codes)
  }

  /// Fails in this way from now on.
  func fail(with code: LockError.Code) { self.codes.change { $0 = Array(repeating: code, count: 1_000) } }

  func inspect(_ name: LockName) async throws(LockError) -> LockReport {
    let code = self.codes.value.first
    self.codes.change { if !$0.isEmpty { $0.removeFirst() } }
    if let code { throw LockError(code, name: name, message: "the test said so") }
    return LockReport(name: name, backend: LockBackend(kind: "session", instance: "test"))
  }

  func remove(_ contender: LockContender, from name: LockName) async throws(LockError) -> Bool { false }
}

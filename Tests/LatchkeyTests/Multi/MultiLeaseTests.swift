import Latchkey
import LatchkeyPrimitives
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@Suite("The lease of a multi-lock", .timeLimit(.minutes(1)))
struct MultiLeaseTests {
  private let database = SessionDatabase()
  private let locks = LocalLocks()
  private let lines = LocalLocks()

  private func session(_ number: Int) -> SessionLocks {
    SessionLocks(database: self.database, lines: self.lines, loss: .byBackend, session: number)
  }

  private func end(_ session: Int) async throws {
    try await self.database.drop(because: "the session has ended") { $1.session == session }
  }

  @Test("the loss of one lock is the loss of all, and frees the others while the body still runs")
  func loss() async throws {
    let multi = try MultiLock([self.locks.lock("b"), self.session(1).lock("a"), self.session(2).lock("c")])
    let lease = try await multi.acquire(within: nil)
    let held = lease.held
    #expect(held.isHeld)
    try await self.end(1)
    let loss = try #require(await held.lost)
    #expect(loss.code == .lockLost && loss.name == multi.name && loss.message.contains("\"a\""))
    #expect(!held.isHeld)
    try await self.locks.lock("b").acquire(within: .seconds(10)).release()
    try await self.session(3).lock("c").acquire(within: .seconds(10)).release()
    await expectLost(lease)
  }

  @Test("a second loss is not reported again")
  func secondLoss() async throws {
    let multi = try MultiLock([self.session(1).lock("a"), self.session(2).lock("c")])
    let lease = try await multi.acquire(within: nil)
    let losses = Shared<[String]>([])
    let held = lease.held
    let handler = held.onEnding { ending in
      if case .lost(let loss) = ending { losses.change { $0.append(loss.message) } }
    }
    #expect(handler != nil)
    try await self.end(2)
    try await self.end(1)
    #expect(losses.value.count == 1 && losses.value[0].contains("\"c\""))
    await expectLost(lease)
  }

  @Test("the body of withLock is cancelled by the loss of any of its locks, and the loss is thrown")
  func bodyIsCancelled() async throws {
    let multi = try MultiLock([self.locks.lock("b"), self.session(1).lock("a")])
    await #expect {
      try await multi.withLock { held in
        try await self.end(1)
        try await Task.sleep(for: .seconds(600))
      }
    } throws: {
      LockError.Code.lockLost ~= $0
    }
    try await self.locks.lock("b").acquire(within: .zero).release()
  }

  @Test("a lock that is lost while a later one is waited for is acquired anew: the lease stands at the grant")
  func lossDuringTheWait() async throws {
    let holder = try await self.session(9).lock("z").acquire(within: nil)
    let multi = try MultiLock([self.session(1).lock("a"), self.session(2).lock("z")])
    let waiter = Task.immediate { try await multi.withLock { held in held.isHeld } }
    #expect(try await isBusy(self.session(3).lock("a")))
    try await self.end(1)
    try await holder.release()
    #expect(try await waiter.value)
  }

  @Test("its deadline is the earliest of its locks', and the loss by a deadline is one of arithmetic")
  func deadline() async throws {
    let (early, late) = (try FakeLock("early", deadline: .seconds(30)), try FakeLock("late"))
    let multi = try MultiLock([late, self.locks.lock("m"), early])
    let lease = try await multi.acquire(within: nil)
    let held = lease.held
    #expect(held.deadline == early.term.deadline)
    // No handler is called by this: nobody's timer has come yet.
    early.term.limit(to: .now)
    #expect(!held.isHeld)
    #expect { try held.ensureHeld() } throws: { LockError.Code.lockLost ~= $0 }
    await expectLost(lease)
    #expect(late.driver.counts.released == 1 && early.driver.counts.released == 1)
    try await self.locks.lock("m").acquire(within: .zero).release()
  }

  @Test("is extended where it has deadlines, and says so where it has none")
  func extend() async throws {
    let timed = try await MultiLock([try FakeLock(), self.locks.lock("a")]).acquire(within: nil)
    try await timed.held.extend()
    try await timed.release()
    let endless = try await MultiLock([self.locks.lock("a")]).acquire(within: nil)
    await #expect { try await endless.held.extend() } throws: { LockError.Code.notSupported ~= $0 }
    try await endless.release()
  }

  @Test("a release that finds one lock gone reports the loss, and frees the others")
  func lossAtRelease() async throws {
    let fake = try FakeLock("fake")
    let multi = try MultiLock([self.locks.lock("a"), fake])
    let lease = try await multi.acquire(within: nil)
    fake.term.end(.reported("it was deleted by hand"))
    await expectLost(lease)
    try await self.locks.lock("a").acquire(within: .zero).release()
  }
}

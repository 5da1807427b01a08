import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@Suite("A multi-lock", .timeLimit(.minutes(1)))
struct MultiLockTests {
  let locks = LocalLocks()

  private func expectFree(_ names: [LockName], sourceLocation: SourceLocation = #_sourceLocation) async throws {
    for name in names {
      #expect(try await !isBusy(self.locks.lock(name)), "\(name) is held", sourceLocation: sourceLocation)
    }
  }

  @Test("holds all its locks, and frees all of them")
  func all() async throws {
    let multi = try MultiLock([self.locks.lock("b"), self.locks.channel("c"), self.locks.lock("a")])
    try await multi.withLock { held in
      #expect(held.isHeld)
      for lock: any DistributedLock in [self.locks.lock("a"), self.locks.lock("b"), self.locks.channel("c")] {
        let isTaken = try await isBusy(lock)
        #expect(isTaken, "\(lock.name)")
      }
    }
    try await self.expectFree(["a", "b"])
    try await self.locks.channel("c").acquire(within: .zero).release()
  }

  @Test("has the names of its locks, sorted, and a digest of them where they are too long")
  func names() throws {
    #expect(try MultiLock([self.locks.lock("b"), self.locks.lock("a/1")]).name == "a/1+b")
    let long = try (0..<4).map { try LockName("\($0)" + String(repeating: "x", count: 200)) }
    let one = try MultiLock(long.map { self.locks.lock($0) })
    let two = try MultiLock(long.reversed().map { self.locks.lock($0) })
    let other = try MultiLock(long.dropLast().map { self.locks.lock($0) })
    #expect(one.name == two.name && one.name != other.name)
    #expect(one.name.rawValue.hasPrefix("4-locks-"))
    #expect(one.backend == two.backend && one.backend.kind == "multi")
  }

  @Test("of no locks is refused")
  func none() {
    #expect { try MultiLock([]) } throws: { LockError.Code.invalidConfiguration ~= $0 }
  }

  @Test("of both halves of a read-write lock is refused; one half is a lock as any other")
  func halves() async throws {
    let table = self.locks.readWriteLock("table")
    #expect { try MultiLock([table.reading, table.writing]) } throws: { LockError.Code.invalidConfiguration ~= $0 }
    try await MultiLock([table.reading, self.locks.lock("a"), table.reading]).withLock { _ in
      try await table.reading.acquire(within: .zero).release()
      let isTaken = try await isBusy(table.writing)
      #expect(isTaken)
    }
  }

  @Test(
    "of a plain lock and a half of a read-write lock that are the same at their backend is refused",
    arguments: [false, true]
  )
  func plainAndHalf(_ isShared: Bool) {
    let plain = self.locks.lock("table")
    let half = HalfLock(lock: plain, isShared: isShared)
    #expect { try MultiLock([half, plain]) } throws: { LockError.Code.invalidConfiguration ~= $0 }
    #expect { try MultiLock([plain, half]) } throws: { LockError.Code.invalidConfiguration ~= $0 }
    #expect(throws: Never.self) { try MultiLock([half, half]) }
  }

  @Test("takes a lock once that was given twice, and the members of a multi-lock among its locks")
  func duplicates() async throws {
    let (a, b, c) = (self.locks.lock("a"), self.locks.lock("b"), self.locks.lock("c"))
    let multi = try MultiLock([c, a, try MultiLock([b, a])])
    #expect(multi.name == "a+b+c")
    #expect(multi.locks.map(\.name) == ["c", "a", "b", "a"])
    try await multi.withLock(within: .zero) { held in
      #expect(held.tokens.count == 4 && held.tokens[1] == held.tokens[3])
    }
    try await self.expectFree(["a", "b", "c"])
  }

  @Test("has no token of its own, and one for each lock in the order in which they were given")
  func tokens() async throws {
    let (a, b) = (self.locks.lock("a"), self.locks.lock("b"))
    let session = SessionLocks(database: SessionDatabase(), lines: LocalLocks(), loss: .byBackend, session: 1)
    for _ in 0..<3 { try await b.acquire(within: nil).release() }
    let multi = try MultiLock([b, session.lock("s"), a])
    try await multi.withLock { held in
      #expect(held.token == nil)
      #expect(held.tokens.map { $0 == nil } == [false, true, false])
    }
    try await b.withLock { held in #expect(held.tokens == [held.token] && held.token != nil) }
  }

  // redisson #467, #1160: who takes locks in the order in which they are named deadlocks with who names them in another.
  @Test("two tasks that name the same locks in opposite order never wait for each other")
  func order() async throws {
    let (a, b) = (self.locks.lock("a"), self.locks.lock("b"))
    let counter = SharedCounter()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for multi in [try MultiLock([a, b]), try MultiLock([b, a])] {
        group.addTask {
          for _ in 0..<10_000 { try await multi.withLock { _ in await counter.add() } }
        }
      }
      try await group.waitForAll()
    }
    #expect(counter.current == 20_000)
  }

  @Test("multi-locks and plain locks that are nested in sorted order never wait for each other")
  func nested() async throws {
    let (a, b, c) = (self.locks.lock("a"), self.locks.lock("b"), self.locks.lock("c"))
    let multi = try MultiLock([c, a])
    try await withThrowingTaskGroup(of: Void.self) { group in
      let nestings: [(LocalMutex, LocalMutex)] = [(b, c), (a, b), (a, c)]
      for (outer, inner) in nestings {
        group.addTask {
          for _ in 0..<1_000 { try await outer.withLock { _ in try await inner.withLock { _ in await Task.yield() } } }
        }
      }
      group.addTask {
        for _ in 0..<1_000 { try await multi.withLock { _ in await Task.yield() } }
      }
      try await group.waitForAll()
    }
    try await self.expectFree(["a", "b", "c"])
  }

  // redisson #4033, #4044: a budget of zero counted as used up before the second lock was asked.
  @Test("a budget of zero takes any number of free locks")
  func zero() async throws {
    let names = try (0..<5).map { try LockName("n\($0)") }
    let multi = try MultiLock(names.map { self.locks.lock($0) })
    try await multi.acquire(within: .zero).release()
    let lease = try await multi.acquire(within: .zero)
    #expect(try await isBusy(multi))
    #expect(await failure(of: multi, within: .zero)?.code == .timedOut)
    try await lease.release()
    try await self.expectFree(names)
  }

  // redisson #4050: tries that keep taking and giving back what the others need.
  @Test("tries under load get somewhere: each task succeeds in the end")
  func tries() async throws {
    let (a, b, c) = (self.locks.lock("a"), self.locks.lock("b"), self.locks.lock("c"))
    try await withThrowingTaskGroup(of: Void.self) { group in
      for multi in [try MultiLock([a, b]), try MultiLock([c, b]), try MultiLock([c, a])] {
        group.addTask {
          var granted = 0
          while granted < 200 {
            if let lease = try await multi.tryAcquire() {
              await Task.yield()
              try await lease.release()
              granted += 1
            }
            await Task.yield()
          }
        }
      }
      try await group.waitForAll()
    }
  }

  // redisson #4456: an acquire that is interrupted leaves some of the locks held for ever.
  @Test("an acquire that is cancelled while it waits for any of its locks leaves none held", arguments: 0..<3)
  func cancelled(_ step: Int) async throws {
    let names: [LockName] = ["a", "b", "c"]
    let multi = try MultiLock(names.map { self.locks.lock($0) })
    let holder = try await self.locks.lock(names[step]).acquire(within: nil)
    let waiter = Task.immediate { await failure(of: multi, within: nil) }
    for name in names[..<step] { #expect(try await isBusy(self.locks.lock(name))) }
    waiter.cancel()
    let error = await waiter.value
    #expect(error?.code == .cancelled && error?.name == multi.name)
    try await self.expectFree(names.filter { $0 != names[step] })
    try await holder.release()
    try await self.expectFree(names)
  }

  // Curator's multi-lock gives the whole time-out to each of its locks.
  @Test("its budget is one for all locks: each is given what is left")
  func budget() async throws {
    let pause = { @Sendable () async throws(LockError) -> Void in try? await Task.sleep(for: .milliseconds(20)) }
    let members = [RecordingLock("a", before: pause), RecordingLock("b", before: pause), RecordingLock("c")]
    let multi = try MultiLock(members)
    try await multi.acquire(within: .seconds(50)).release()
    let budgets = members.compactMap { $0.budgets.value.first ?? nil }
    #expect(budgets.count == 3)
    #expect(zip(budgets, budgets.dropFirst()).allSatisfy { $0 - $1 >= .milliseconds(20) })
    // What is used up is zero for the locks behind, and nil stays nil.
    let late = RecordingLock("a") { () async throws(LockError) in try? await Task.sleep(for: .milliseconds(30)) }
    let last = RecordingLock("b")
    let tight = try MultiLock([late, last])
    try await tight.acquire(within: .milliseconds(5)).release()
    try await tight.acquire(within: nil).release()
    #expect(last.budgets.value == [.zero, nil])
  }

  // Curator's multi-lock goes on acquiring after one of its locks has thrown.
  @Test("an error of one lock ends the acquire: what was held is released, and the next is not asked")
  func failing() async throws {
    let broken = RecordingLock("b") { () async throws(LockError) in
      throw LockError(.notAuthorized, name: "b", message: "no permission on the lock's node")
    }
    let last = RecordingLock("c")
    let multi = try MultiLock([self.locks.lock("a"), last, broken])
    let error = try #require(await failure(of: multi, within: .seconds(5)))
    #expect(error.code == .notAuthorized && error.name == multi.name)
    #expect(error.message.contains("\"b\"") && error.message.contains("no permission"))
    #expect(last.budgets.value.isEmpty)
    try await self.expectFree(["a"])
  }

  @Test("a wait that times out says which lock was held, by whom, and how long the whole wait was")
  func timedOut() async throws {
    let (a, b) = (self.locks.lock("a"), self.locks.lock("b"))
    let holder = try await b.acquire(within: nil)
    let multi = try MultiLock([a, b])
    let error = try #require(await failure(of: multi, within: .milliseconds(30)))
    #expect(error.code == .timedOut && error.name == "a+b" && error.message.contains("\"b\""))
    #expect(error.wait?.place == 1 && error.wait?.holder != nil)
    #expect(try #require(error.wait?.waited) >= .milliseconds(30))
    try await self.expectFree(["a"])
    try await holder.release()
  }

  @Test("a task that holds a member, or another multi-lock with that member, would wait for itself")
  func deadlock() async throws {
    let (a, b, c) = (self.locks.lock("a"), self.locks.lock("b"), self.locks.lock("c"))
    let multi = try MultiLock([a, b])
    func expectDeadlock(_ operation: () async throws -> Void) async {
      await #expect { try await operation() } throws: { LockError.Code.wouldDeadlock ~= $0 }
    }
    try await multi.withLock { _ in
      await expectDeadlock { try await a.withLock { _ in } }
      await expectDeadlock { try await MultiLock([c, b]).withLock { _ in } }
      await expectDeadlock { _ = try await multi.withLockIfAvailable { _ in } }
      try await c.withLock { _ in }
    }
    try await b.withLock { _ in await expectDeadlock { try await multi.withLock { _ in } } }
    try await self.expectFree(["a", "b", "c"])
  }

  @Test("a lease that is dropped frees all locks")
  func dropped() async throws {
    let multi = try MultiLock([self.locks.lock("a"), self.locks.lock("b")])
    do { _ = try await multi.acquire(within: nil) }
    try await self.expectFree(["a", "b"])
  }
}

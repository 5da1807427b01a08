import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@Suite("In-process read-write lock", .timeLimit(.minutes(1)))
struct LocalReadWriteLockTests {
  private let lock = LocalReadWriteLock("table")

  @Test("a downgraded writer keeps its major number, an upgraded reader gets a new one")
  func tokens() async throws {
    let write = try await self.lock.writing.acquire()
    let first = try #require(write.held.token)
    let read = try await self.lock.downgrade(write)
    #expect(read.held.token == FencingToken(major: first.major, minor: 1))
    guard case .upgraded(let again) = try await self.lock.tryUpgrade(read) else {
      Issue.record("the only reader was busy")
      return
    }
    let second = try #require(again.held.token)
    #expect(second > FencingToken(major: first.major, minor: 1))
    #expect(second.minor == 0)
    let last = try await self.lock.downgrade(again)
    #expect(last.held.token == FencingToken(major: second.major, minor: 1))
    try await last.release()
    let next = try await self.lock.writing.withLock { $0.token }
    #expect(try #require(next).major > second.major)
  }

  @Test("equal names of one registry give the same lock, which has nothing to do with the mutex of that name")
  func registry() async throws {
    let locks = LocalLocks()
    let lease = try await locks.readWriteLock("a").writing.acquire()
    #expect(locks.callers(ofReadWriteLock: "a") == 1)
    #expect(try await Self.isBusy(locks.readWriteLock("a").reading))
    #expect(try await !Self.isBusy(LocalLocks().readWriteLock("a").reading))
    #expect(try await !Self.isBusy(locks.lock("a")))
    #expect(locks.lock("a").backend != locks.readWriteLock("a").backend)
    try await lease.release()
    #expect(locks.callers(ofReadWriteLock: "a") == 0)
  }

  @Test("a lock lives as long as a lease of it, even if nobody keeps the lock")
  func leaseKeepsLock() async throws {
    let locks = LocalLocks()
    let lease = try await locks.readWriteLock("a").reading.acquire()
    for index in 0..<500 { _ = try await Self.isBusy(locks.readWriteLock(LockName("other/\(index)")).writing) }
    #expect(try await Self.isBusy(locks.readWriteLock("a").writing))
    try await lease.release()
    #expect(try await !Self.isBusy(locks.readWriteLock("a").writing))
  }

  @Test("a wait that times out tells how many stood before it, readers that hold together included")
  func place() async throws {
    let readers = [LeaseBox(try await self.lock.reading.acquire()), LeaseBox(try await self.lock.reading.acquire())]
    let writer = Task.immediate { try await self.lock.writing.acquire().release() }
    let error = await failure(of: self.lock.reading, within: .milliseconds(20))
    #expect(error?.code == .timedOut)
    #expect(error?.wait?.place == 3)
    for reader in readers { try await reader.release() }
    try await writer.value
  }

  @Test("ten thousand readers and writers, a third of which give up, leave the rest served, writers alone")
  func crowd() async throws {
    let counts = Shared((readers: 0, writers: 0, served: 0, conflicts: 0))
    let lease = try await self.lock.writing.acquire()
    let tasks = (0..<10_000).map { index in
      Task.immediate {
        let isWriter = index % 7 == 0
        try await (isWriter ? self.lock.writing : self.lock.reading).withLock { _ in
          counts.change { counts in
            if isWriter { counts.writers += 1 } else { counts.readers += 1 }
            counts.served += 1
            if counts.writers > 1 || counts.writers == 1 && counts.readers > 0 { counts.conflicts += 1 }
          }
          if index % 5 == 0 { await Task.yield() }
          counts.change { if isWriter { $0.writers -= 1 } else { $0.readers -= 1 } }
        }
      }
    }
    for index in stride(from: 1, to: 10_000, by: 3) { tasks[index].cancel() }
    try await lease.release()
    for task in tasks { _ = await task.result }
    #expect(counts.value.conflicts == 0)
    #expect(counts.value.served == (0..<10_000).count { $0 % 3 != 1 })
    try await self.lock.writing.acquire(within: .zero).release()
  }

  @Test("upgrades and downgrades among readers and writers that come, go and give up lose no grant")
  func hammer() async throws {
    let inside = Shared((readers: 0, writers: 0, conflicts: 0, upgrades: 0))
    let enter = { @Sendable (isWriter: Bool, change: Int) in
      inside.change { inside in
        if isWriter { inside.writers += change } else { inside.readers += change }
        if inside.writers > 1 || inside.writers == 1 && inside.readers > 0 { inside.conflicts += 1 }
      }
    }
    await withTaskGroup(of: Void.self) { group in
      for worker in 0..<8 {
        group.addTask {
          for round in 0..<150 {
            let task = Task {
              let isWriter = (worker + round) % 3 == 0
              let half = isWriter ? self.lock.writing : self.lock.reading
              let lease = try await half.acquire(within: round % 4 == 0 ? .microseconds(200) : nil)
              enter(isWriter, 1)
              if round % 5 == 0 { await Task.yield() }
              enter(isWriter, -1)
              if isWriter {
                let read = try await self.lock.downgrade(lease)
                enter(false, 1)
                await Task.yield()
                enter(false, -1)
                try await read.release()
              } else {
                switch try await self.lock.tryUpgrade(lease) {
                case .upgraded(let write):
                  enter(true, 1)
                  inside.change { $0.upgrades += 1 }
                  await Task.yield()
                  enter(true, -1)
                  try await write.release()
                case .busy(let read): try await read.release()
                }
              }
            }
            if (worker + round) % 4 == 1 { task.cancel() }
            _ = await task.result
          }
        }
      }
    }
    #expect(inside.value.conflicts == 0)
    try await self.lock.writing.acquire(within: .zero).release()
  }

  private static func isBusy(_ lock: any DistributedLock) async throws -> Bool {
    guard let lease = try await lock.tryAcquire() else { return true }
    try await lease.release()
    return false
  }
}

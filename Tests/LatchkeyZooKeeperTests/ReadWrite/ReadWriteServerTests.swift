import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import LatchkeyZooKeeper
import Testing

@testable import ZooKeeper

@Suite("The ZooKeeper read-write lock", .serialized, .timeLimit(.minutes(3)))
struct ReadWriteServerTests {
  @Test("a reader behind a writer that gives up is granted at once")
  func writerGivesUp() async throws {
    try await ReadWriteLocks.with { name, clients, locks in
      let read = try await locks[0].reading.acquire()
      let writer = try await ReadWriteLocks.queue(locks[1].writing, at: 1, clients[0])
      let reader = try await ReadWriteLocks.queue(locks[2].reading, at: 2, clients[0])
      writer.cancel()
      let beside = try await reader.value
      #expect(beside.held.isHeld && read.held.isHeld)
      try await beside.release()
      try await read.release()
    }
  }

  @Test("a reader behind one writer and before another is granted when the first one goes")
  func readerBetweenWriters() async throws {
    try await ReadWriteLocks.with { name, clients, locks in
      let first = try await locks[0].writing.acquire()
      let reader = try await ReadWriteLocks.queue(locks[1].reading, at: 1, clients[0])
      let second = try await ReadWriteLocks.queue(locks[2].writing, at: 2, clients[0])
      try await first.release()
      try await reader.value.release()
      try await second.value.release()
    }
  }

  @Test("a writer comes in among readers that never leave the lock free")
  func noStarvation() async throws {
    try await ReadWriteLocks.with { name, clients, locks in
      let isOver = Shared(false)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for lock in locks.prefix(2) {
          for _ in 0..<5 {
            group.addTask {
              while !isOver.value {
                try await lock.reading.withLock { _ in try await Task.sleep(for: .milliseconds(2)) }
              }
            }
          }
        }
        for _ in 0..<5 { try await locks[2].writing.acquire(within: .seconds(10)).release() }
        isOver.change { $0 = true }
        try await group.waitForAll()
      }
    }
  }

  @Test("a node that is deleted by hand while it waits is made again")
  func deletedWhileWaiting() async throws {
    try await ReadWriteLocks.with { name, clients, locks in
      let write = try await locks[0].writing.acquire()
      let reader = try await ReadWriteLocks.queue(locks[1].reading, at: 1, clients[0])
      let own = try #require(try await clients[0].client.children(of: "/\(name)").first { $0.contains("__READ__") })
      try await clients[0].delete("/\(name)/\(own)")
      try await eventuallyTrue(within: .seconds(10)) {
        try await clients[0].client.children(of: "/\(name)").contains { $0.contains("__READ__") && $0 != own }
      }
      try await write.release()
      try await reader.value.release()
    }
  }

  @Test("of two readers one dies: a writer has the lock when its session is over")
  func deadReader() async throws {
    try await ReadWriteLocks.with(sessionTimeout: .seconds(3)) { name, clients, locks in
      let dead = try await locks[0].reading.acquire()
      let read = try await locks[1].reading.acquire()
      let writer = try await ReadWriteLocks.queue(locks[2].writing, at: 2, clients[1])
      try await TestServers.shared.value.member().expireSession(try clients[0].sessionID)
      #expect(!writer.isCancelled && read.held.isHeld)
      try await read.release()
      try await writer.value.release()
      let held = dead.held
      #expect(await held.lost?.code == .lockLost)
      await expectLost(dead)
    }
  }

  @Test("a lease is released by another task than the one that acquired it")
  func otherTask() async throws {
    try await ReadWriteLocks.with { name, clients, locks in
      let box = LeaseBox(try await locks[0].reading.acquire())
      try await Task { try await box.release() }.value
    }
  }

  @Test("a task that holds either half and asks for either half is told that it would wait for itself")
  func wouldDeadlock() async throws {
    try await ReadWriteLocks.with { name, clients, locks in
      let halves = [locks[0].reading, locks[0].writing]
      for outer in halves {
        for inner in halves {
          await #expect {
            try await outer.withLock { _ in try await inner.withLock { _ in } }
          } throws: {
            LockError.Code.wouldDeadlock ~= $0
          }
        }
      }
    }
  }

  @Test(
    "a plain lock among readers and writers, and the other way round, is refused: they would not exclude each other"
  )
  func mixedDirectory() async throws {
    try await ReadWriteLocks.with { name, clients, locks in
      for half in [locks[0].reading, locks[0].writing] {
        let lease = try await half.acquire()
        for timeout in [Duration.zero, .seconds(5)] {
          let error = await failure(of: clients[1].lock(name), within: timeout)
          #expect(error?.code == .invalidConfiguration && error?.message.contains("read-write lock") == true)
        }
        try await lease.release()
      }
      let lease = try await clients[0].lock(name).acquire()
      for half in [locks[1].reading, locks[1].writing] {
        for timeout in [Duration.zero, .seconds(5)] {
          let error = await failure(of: half, within: timeout)
          #expect(error?.code == .invalidConfiguration && error?.message.contains("plain lock") == true)
        }
      }
      try await lease.release()
      #expect(try await clients[0].count("/\(name)") == 0)
    }
  }

  @Test("an inspector tells readers from writers, and warns of a plain lock among them")
  func inspection() async throws {
    try await ReadWriteLocks.with { name, clients, locks in
      let inspector = ZooKeeperLockInspector(client: clients[0].client)
      let write = try await locks[0].writing.acquire()
      let token = write.held.token
      let reader = try await ReadWriteLocks.queue(locks[1].reading, at: 1, clients[0])
      let writer = try await ReadWriteLocks.queue(locks[2].writing, at: 2, clients[0])
      let before = try await inspector.inspect(name)
      #expect(before.holder?.access == .writing && before.holder?.token == token)
      #expect(before.sharing.isEmpty && before.queue.map(\.access) == [.reading, .writing])
      #expect(before.queue.map(\.place) == [1, 2])
      let read = try await locks[0].downgrade(write)
      _ = try await reader.value
      let after = try await inspector.inspect(name)
      #expect(after.holder?.access == .reading && after.holder?.token == nil && after.holder?.place == 0)
      #expect(after.sharing.map(\.access) == [.reading] && after.sharing.map(\.place) == [0])
      #expect(after.queue.map(\.access) == [.writing] && after.queue.map(\.place) == [1])
      #expect(after.queue[0].caveat == nil)
      try await clients[1].create("/\(name)", prefix: "_c_1-lock-")
      let mixed = try await inspector.inspect(name)
      let plain = try #require(mixed.queue.last)
      #expect(plain.caveat?.contains("plain lock") == true)
      #expect(try await inspector.remove(plain, from: name))
      try await reader.value.release()
      try await read.release()
      try await writer.value.release()
    }
  }
}

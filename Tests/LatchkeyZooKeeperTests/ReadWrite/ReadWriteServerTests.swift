import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import LatchkeyZooKeeper
import Testing

@testable import ZooKeeper

@Suite("The ZooKeeper read-write lock", .serialized, .timeLimit(.minutes(3)))
struct ReadWriteServerTests {
  /// Lends the read-write locks of one name that three clients have, and expects that they leave nothing.
  private static func with(
    sessionTimeout: Duration = .seconds(10),
    _ body: (LockName, [TestClient], [ZooKeeperReadWriteLock]) async throws -> Void
  ) async throws {
    let servers = try await TestServers.shared.value
    let name = try uniqueName("readwrite")
    try await TestClient.with(servers, sessionTimeout: sessionTimeout) { first in
      try await TestClient.with(servers, sessionTimeout: sessionTimeout) { second in
        try await TestClient.with(servers, sessionTimeout: sessionTimeout) { third in
          let clients = [first, second, third]
          try await body(name, clients, clients.map { $0.locks.readWriteLock(name) })
          try await eventuallyTrue(within: .seconds(10)) { try await first.count("/\(name)") == 0 }
        }
      }
    }
  }

  /// Starts to wait for a half of the lock, and returns when its node stands in the queue.
  private static func queue(
    _ half: ZooKeeperReadWriteLock.Half,
    at place: Int,
    _ client: TestClient,
    within limit: Duration? = .seconds(30)
  ) async throws -> Task<LeaseBox, any Error> {
    let waiter = Task { LeaseBox(try await half.acquire(within: limit)) }
    try await eventuallyTrue(within: .seconds(10)) { try await client.count("/\(half.name)") == place + 1 }
    return waiter
  }

  /// A lease that a task returns.
  private actor LeaseBox {
    private var lease: Lease?
    nonisolated let held: HeldLock

    init(_ lease: consuming Lease) {
      self.held = lease.held
      self.lease = consume lease
    }

    func take() throws -> Lease {
      guard let lease = self.lease.take() else { throw TestClient.NoSession() }
      return lease
    }

    func release() async throws { try await self.take().release() }
  }

  /// The lease of a reader that may not write.
  private static func busy(_ upgrade: consuming Upgrade) throws -> Lease {
    switch consume upgrade {
    case .busy(let read): return read
    case .upgraded: throw Unexpected(what: "it may write")
    }
  }

  /// The lease of a reader that may write.
  private static func upgraded(_ upgrade: consuming Upgrade) throws -> Lease {
    switch consume upgrade {
    case .upgraded(let write): return write
    case .busy: throw Unexpected(what: "it may not write")
    }
  }

  private struct Unexpected: Error { let what: String }

  /// The error of a downgrade that must fail.
  private static func refusal(_ lock: ZooKeeperReadWriteLock, downgrading lease: consuming Lease) async -> LockError? {
    do throws(LockError) {
      try await lock.downgrade(lease).release()
      return nil
    } catch {
      return error
    }
  }

  /// The error of an upgrade that must fail.
  private static func refusal(_ lock: ZooKeeperReadWriteLock, upgrading lease: consuming Lease) async -> LockError? {
    do throws(LockError) {
      switch try await lock.tryUpgrade(lease) {
      case .upgraded(let write): try await write.release()
      case .busy(let read): try await read.release()
      }
      return nil
    } catch {
      return error
    }
  }

  @Test("who goes on reading lets readers behind it in, and keeps out the writer that came before its read")
  func downgrade() async throws {
    try await Self.with { name, clients, locks in
      let write = try await locks[0].writing.acquire()
      let written = try #require(write.held.token)
      let view = write.held
      let reader = try await Self.queue(locks[1].reading, at: 1, clients[0])
      let writer = try await Self.queue(locks[2].writing, at: 2, clients[0])
      let read = try await locks[0].downgrade(write)
      #expect(!view.isHeld && read.held.isHeld)
      #expect(read.held.token == FencingToken(major: written.major, minor: 1))
      let beside = try await reader.value
      #expect(beside.held.isHeld)
      try await read.release()
      try await beside.release()
      let last = try await writer.value
      #expect(try #require(last.held.token) > beside.held.token ?? written)
      #expect(!beside.held.isHeld)
      try await last.release()
    }
  }

  @Test("a writer waits for the release of who went on reading after writing, though it came before the read")
  func writerBehindDowngrade() async throws {
    try await Self.with { name, clients, locks in
      let write = try await locks[0].writing.acquire()
      let writer = try await Self.queue(locks[1].writing, at: 1, clients[0], within: .seconds(2))
      let read = try await locks[0].downgrade(write)
      // Its whole wait runs out, though the node that it waited for is gone.
      await #expect { _ = try await writer.value } throws: { LockError.Code.timedOut ~= $0 }
      #expect(read.held.isHeld)
      try await read.release()
      try await locks[1].writing.acquire(within: .seconds(5)).release()
    }
  }

  @Test("who reads alone becomes the writer with a greater token, and who reads beside others stays a reader")
  func upgrade() async throws {
    try await Self.with { name, clients, locks in
      let read = try await locks[0].reading.acquire()
      let token = try #require(read.held.token)
      let other = try await locks[1].reading.acquire()
      let otherToken = try #require(other.held.token)
      let kept = try Self.busy(try await locks[0].tryUpgrade(read))
      #expect(kept.held.isHeld && kept.held.token == token)
      try await other.release()
      let write = try Self.upgraded(try await locks[0].tryUpgrade(kept))
      #expect(try #require(write.held.token) > otherToken)
      let busy = try await locks[1].reading.tryAcquire() == nil
      #expect(busy)
      try await write.release()
    }
  }

  @Test("of two readers that would write at the same time, at most one does, and neither waits for the other")
  func twoUpgrades() async throws {
    try await Self.with { name, clients, locks in
      for _ in 0..<20 {
        let writers = SharedCounter()
        try await withThrowingTaskGroup(of: Void.self) { group in
          for lock in locks.prefix(2) {
            group.addTask {
              let read = try await lock.reading.acquire(within: .seconds(10))
              switch try await lock.tryUpgrade(read) {
              case .upgraded(let write):
                await writers.add()
                #expect(write.held.isHeld)
                try await write.release()
              case .busy(let read): try await read.release()
              }
            }
          }
          try await group.waitForAll()
        }
        #expect(writers.current <= 2)
      }
    }
  }

  @Test("a reader with a writer behind it may not write: the writer waits for it, and it would wait for the writer")
  func upgradeBeforeWriter() async throws {
    try await Self.with { name, clients, locks in
      let read = try await locks[0].reading.acquire()
      let writer = try await Self.queue(locks[1].writing, at: 1, clients[0])
      let kept = try Self.busy(try await locks[0].tryUpgrade(read))
      #expect(kept.held.isHeld)
      try await kept.release()
      try await writer.value.release()
    }
  }

  @Test("readers of one process share a node, so none of them may write, and later ones do not join it")
  func batch() async throws {
    try await Self.with { name, clients, locks in
      let readers = Shared<[LeaseBox]>([])
      try await withThrowingTaskGroup(of: Void.self) { group in
        let writer = try await locks[1].writing.acquire()
        for _ in 0..<1000 {
          group.addImmediateTask {
            let lease = LeaseBox(try await locks[0].reading.acquire(within: .seconds(30)))
            readers.change { $0.append(lease) }
          }
        }
        try await eventuallyTrue(within: .seconds(10)) { try await clients[0].count("/\(name)") == 2 }
        try await writer.release()
        try await group.waitForAll()
      }
      #expect(try await clients[0].count("/\(name)") == 1)
      #expect(Set(readers.value.map(\.held.token)).count == 1)
      let later = try await locks[0].reading.acquire(within: .seconds(5))
      #expect(try await clients[0].count("/\(name)") == 2)
      #expect(later.held.token != readers.value[0].held.token)
      try await later.release()
      let kept = try Self.busy(try await locks[0].tryUpgrade(try await readers.value[0].take()))
      try await kept.release()
      for reader in readers.value.dropFirst() { try await reader.release() }
    }
  }

  @Test("a reader behind a writer that gives up is granted at once")
  func writerGivesUp() async throws {
    try await Self.with { name, clients, locks in
      let read = try await locks[0].reading.acquire()
      let writer = try await Self.queue(locks[1].writing, at: 1, clients[0])
      let reader = try await Self.queue(locks[2].reading, at: 2, clients[0])
      writer.cancel()
      let beside = try await reader.value
      #expect(beside.held.isHeld && read.held.isHeld)
      try await beside.release()
      try await read.release()
    }
  }

  @Test("a reader behind one writer and before another is granted when the first one goes")
  func readerBetweenWriters() async throws {
    try await Self.with { name, clients, locks in
      let first = try await locks[0].writing.acquire()
      let reader = try await Self.queue(locks[1].reading, at: 1, clients[0])
      let second = try await Self.queue(locks[2].writing, at: 2, clients[0])
      try await first.release()
      try await reader.value.release()
      try await second.value.release()
    }
  }

  @Test("a writer comes in among readers that never leave the lock free")
  func noStarvation() async throws {
    try await Self.with { name, clients, locks in
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
    try await Self.with { name, clients, locks in
      let write = try await locks[0].writing.acquire()
      let reader = try await Self.queue(locks[1].reading, at: 1, clients[0])
      let own = try #require(try await clients[0].client.children(of: "/\(name)").first { $0.contains("__READ__") })
      try await clients[0].delete("/\(name)/\(own)")
      try await eventuallyTrue(within: .seconds(10)) {
        try await clients[0].client.children(of: "/\(name)").contains { $0.contains("__READ__") && $0 != own }
      }
      try await write.release()
      try await reader.value.release()
    }
  }

  @Test("a lease whose node was replaced is lost when the new node is deleted by hand")
  func deletedAfterDowngrade() async throws {
    try await Self.with(sessionTimeout: .seconds(3)) { name, clients, locks in
      let read = try await locks[0].downgrade(try await locks[0].writing.acquire())
      let own = try #require(try await clients[0].client.children(of: "/\(name)").first)
      #expect(own.contains("__READ__"))
      try await clients[1].delete("/\(name)/\(own)")
      let held = read.held
      #expect(await held.lost?.code == .lockLost)
      await expectLost(read)
    }
  }

  @Test("of two readers one dies: a writer has the lock when its session is over")
  func deadReader() async throws {
    try await Self.with(sessionTimeout: .seconds(3)) { name, clients, locks in
      let dead = try await locks[0].reading.acquire()
      let read = try await locks[1].reading.acquire()
      let writer = try await Self.queue(locks[2].writing, at: 2, clients[1])
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
    try await Self.with { name, clients, locks in
      let box = LeaseBox(try await locks[0].reading.acquire())
      try await Task { try await box.release() }.value
    }
  }

  @Test("a session that ends between the write and the read is a loss")
  func expiredBeforeDowngrade() async throws {
    try await Self.with(sessionTimeout: .seconds(3)) { name, clients, locks in
      let write = try await locks[0].writing.acquire()
      try await TestServers.shared.value.member().expireSession(try clients[0].sessionID)
      #expect(await Self.refusal(locks[0], downgrading: write)?.code == .lockLost)
      try await locks[1].writing.acquire(within: .seconds(5)).release()
    }
  }

  @Test("a lost reply to a replacement is no loss: it is looked for what stands")
  func lostReplies() async throws {
    try await Self.with { name, clients, locks in
      let write = try await locks[0].writing.acquire()
      await clients[0].dropNextReply(to: [.multi])
      let read = try await locks[0].downgrade(write)
      #expect(read.held.isHeld && read.held.token?.minor == 1)
      let other = try await locks[1].reading.acquire(within: .seconds(5))
      await clients[0].dropNextReply(to: [.multi])
      let kept = try Self.busy(try await locks[0].tryUpgrade(read))
      #expect(kept.held.isHeld)
      try await other.release()
      await clients[0].dropNextReply(to: [.multi])
      let again = try Self.upgraded(try await locks[0].tryUpgrade(kept))
      #expect(again.held.isHeld && again.held.token?.minor == 0)
      try await again.release()
    }
  }

  @Test("a lease of the other half, of another name or of another lock is refused and released")
  func wrongLease() async throws {
    try await Self.with { name, clients, locks in
      let other = clients[0].locks.readWriteLock(try uniqueName())
      for half in [locks[0].reading, other.writing, locks[1].writing] {
        let lease = try await half.acquire(within: .seconds(5))
        #expect(await Self.refusal(locks[0], downgrading: lease)?.code == .invalidConfiguration)
      }
      let lease = try await locks[0].writing.acquire(within: .seconds(5))
      #expect(await Self.refusal(locks[0], upgrading: lease)?.code == .invalidConfiguration)
    }
  }

  @Test("a task that holds either half and asks for either half is told that it would wait for itself")
  func wouldDeadlock() async throws {
    try await Self.with { name, clients, locks in
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
    try await Self.with { name, clients, locks in
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
    try await Self.with { name, clients, locks in
      let inspector = ZooKeeperLockInspector(client: clients[0].client)
      let write = try await locks[0].writing.acquire()
      let token = write.held.token
      let reader = try await Self.queue(locks[1].reading, at: 1, clients[0])
      let writer = try await Self.queue(locks[2].writing, at: 2, clients[0])
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

import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import LatchkeyZooKeeper
import Testing

@testable import ZooKeeper

@Suite("Going on reading after writing, and writing after reading", .serialized, .timeLimit(.minutes(3)))
struct ReadWriteConversionServerTests {
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
    try await ReadWriteLocks.with { name, clients, locks in
      let write = try await locks[0].writing.acquire()
      let written = try #require(write.held.token)
      let view = write.held
      let reader = try await ReadWriteLocks.queue(locks[1].reading, at: 1, clients[0])
      let writer = try await ReadWriteLocks.queue(locks[2].writing, at: 2, clients[0])
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
    try await ReadWriteLocks.with { name, clients, locks in
      let write = try await locks[0].writing.acquire()
      let writer = try await ReadWriteLocks.queue(locks[1].writing, at: 1, clients[0], within: .seconds(2))
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
    try await ReadWriteLocks.with { name, clients, locks in
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
    try await ReadWriteLocks.with { name, clients, locks in
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
    try await ReadWriteLocks.with { name, clients, locks in
      let read = try await locks[0].reading.acquire()
      let writer = try await ReadWriteLocks.queue(locks[1].writing, at: 1, clients[0])
      let kept = try Self.busy(try await locks[0].tryUpgrade(read))
      #expect(kept.held.isHeld)
      try await kept.release()
      try await writer.value.release()
    }
  }

  @Test("readers of one process share a node, so none of them may write, and later ones do not join it")
  func batch() async throws {
    try await ReadWriteLocks.with { name, clients, locks in
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
      guard let first = await readers.value[0].take() else { throw Unexpected(what: "no lease") }
      let kept = try Self.busy(try await locks[0].tryUpgrade(first))
      try await kept.release()
      for reader in readers.value.dropFirst() { try await reader.release() }
    }
  }

  @Test("a lease whose node was replaced is lost when the new node is deleted by hand")
  func deletedAfterDowngrade() async throws {
    try await ReadWriteLocks.with(sessionTimeout: .seconds(3)) { name, clients, locks in
      let read = try await locks[0].downgrade(try await locks[0].writing.acquire())
      let own = try #require(try await clients[0].client.children(of: "/\(name)").first)
      #expect(own.contains("__READ__"))
      try await clients[1].delete("/\(name)/\(own)")
      let held = read.held
      #expect(await held.lost?.code == .lockLost)
      await expectLost(read)
    }
  }

  @Test("a session that ends between the write and the read is a loss")
  func expiredBeforeDowngrade() async throws {
    try await ReadWriteLocks.with(sessionTimeout: .seconds(3)) { name, clients, locks in
      let write = try await locks[0].writing.acquire()
      try await TestServers.shared.value.member().expireSession(try clients[0].sessionID)
      #expect(await Self.refusal(locks[0], downgrading: write)?.code == .lockLost)
      try await locks[1].writing.acquire(within: .seconds(5)).release()
    }
  }

  @Test("a lost reply to a replacement is no loss: it is looked for what stands")
  func lostReplies() async throws {
    try await ReadWriteLocks.with { name, clients, locks in
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
    try await ReadWriteLocks.with { name, clients, locks in
      let other = clients[0].locks.readWriteLock(try uniqueName())
      for half in [locks[0].reading, other.writing, locks[1].writing] {
        let lease = try await half.acquire(within: .seconds(5))
        #expect(await Self.refusal(locks[0], downgrading: lease)?.code == .invalidConfiguration)
      }
      let lease = try await locks[0].writing.acquire(within: .seconds(5))
      #expect(await Self.refusal(locks[0], upgrading: lease)?.code == .invalidConfiguration)
    }
  }

  @Test("a deadline that passes while a node is being replaced is a loss, and the node that stands then is deleted")
  func deadlineWhileReplaced() async throws {
    try await ReadWriteLocks.with(sessionTimeout: .seconds(3)) { name, clients, locks in
      let other = clients[0].locks.readWriteLock(try uniqueName("readwrite"))
      let write = try await locks[0].writing.acquire()
      let read = try await other.reading.acquire()
      let views = [write.held, read.held]
      let reader = LeaseBox(read)
      let session = try clients[0].sessionID
      // The servers hear the client, so its session lives on; the client hears nothing, so its deadline passes.
      for proxy in clients[0].proxies { await proxy.hold(.serverToClient) }
      let upgrade = Task {
        guard let read = await reader.take() else { throw Unexpected(what: "no lease") }
        return await Self.refusal(other, upgrading: read)
      }
      #expect(await Self.refusal(locks[0], downgrading: write)?.code == .lockLost)
      #expect(try await upgrade.value?.code == .lockLost)
      #expect(views.allSatisfy { !$0.isHeld })
      // The servers have carried both out.
      for (lock, marker) in [(name, "__READ__"), (other.name, "__WRIT__")] {
        let nodes = try await clients[1].client.children(of: "/\(lock)")
        #expect(nodes.count == 1 && nodes[0].contains(marker))
      }
      await clients[0].heal()
      try await eventuallyTrue(within: .seconds(10)) { try await clients[1].count("/\(other.name)") == 0 }
      try await locks[1].writing.acquire(within: .seconds(10)).release()
      #expect(try clients[0].sessionID == session)
    }
  }
}

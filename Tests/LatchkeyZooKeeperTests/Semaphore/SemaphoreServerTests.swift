import InMemoryLogging
import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import LatchkeyZooKeeper
import Logging
import Testing
import ZooKeeper

@Suite("The ZooKeeper semaphore on a server", .serialized, .timeLimit(.minutes(3)))
struct SemaphoreServerTests {
  /// Lends two clients and a name, and expects that they leave nothing.
  private static func with(
    _ body: (LockName, TestClient, TestClient) async throws -> Void
  ) async throws {
    let servers = try await TestServers.shared.value
    let name = try uniqueName("semaphore")
    try await TestClient.with(servers, sessionTimeout: .seconds(10)) { first in
      try await TestClient.with(servers, sessionTimeout: .seconds(10)) { second in
        try await body(name, first, second)
        try await eventuallyTrue(within: .seconds(10)) {
          try await second.permits(of: name) + second.count("/\(name)/locks") == 0
        }
      }
    }
  }

  @Test(
    "a reply that is lost at any step of an acquire leaves no permit taken",
    arguments: [ZooKeeperOperation.createAndState, .multi, .getChildrenAndState, .getChildren, .getData]
  )
  func lostReply(operation: ZooKeeperOperation) async throws {
    try await Self.with { name, client, other in
      let limit = ZooKeeperSemaphore.Limit.shared(seed: 3)
      let pool = client.locks.semaphore(name, limit: limit)
      try await pool.acquire().release()
      await client.dropNextReply(to: [operation])
      try await pool.acquire(operation == .multi ? 2 : 1, within: .seconds(20)).release()
      try await other.locks.semaphore(name, limit: limit).acquire(3, within: .seconds(20)).release()
    }
  }

  @Test("cancelled while the reply to its create is lost, a request leaves nothing")
  func cancelledInDoubt() async throws {
    try await Self.with { name, client, other in
      let pool = client.locks.semaphore(name, limit: .fixed(2))
      try await pool.acquire().release()
      await client.dropNextReply(to: [.multi])
      let request = Task { LeaseBox(try await pool.acquire(2)) }
      try await eventuallyTrue(within: .seconds(10)) { try await other.permits(of: name) == 2 }
      request.cancel()
      if case .success(let lease) = await request.result { try await lease.release() }
      try await other.locks.semaphore(name, limit: .fixed(2)).acquire(2, within: .seconds(20)).release()
    }
  }

  @Test("a try that was busy is not in anybody's way")
  func busyTry() async throws {
    try await Self.with { name, client, other in
      let (pool, theirs) = (
        client.locks.semaphore(name, limit: .fixed(1)), other.locks.semaphore(name, limit: .fixed(1))
      )
      let lease = try await pool.acquire()
      let isBusy = try await theirs.tryAcquire() == nil
      #expect(isBusy)
      #expect(try await client.count("/\(name)/locks") == 0)
      try await lease.release()
      try await pool.acquire(within: .seconds(5)).release()
    }
  }

  @Test("whatever lies among the permits counts, as it does for Curator")
  func junk() async throws {
    try await Self.with { name, client, other in
      let pool = client.locks.semaphore(name, limit: .fixed(2))
      try await pool.acquire().release()
      try await other.client.create("/\(name)/leases/junk", mode: .ephemeral)
      let isBusy = try await pool.tryAcquire(2) == nil
      #expect(isBusy)
      let lease = try await pool.acquire(within: .seconds(5))
      let waiter = Task { LeaseBox(try await pool.acquire()) }
      try await eventuallyTrue(within: .seconds(10)) { try await client.permits(of: name) == 3 }
      try await other.delete("/\(name)/leases/junk")
      try await waiter.value.release()
      try await lease.release()
    }
  }

  @Test("a lease of several permits is lost as a whole when one of its nodes is deleted by hand, and the others go")
  func partlyDeleted() async throws {
    try await Self.with { name, client, other in
      let pool = client.locks.semaphore(name, limit: .fixed(3))
      let lease = LeaseBox(try await pool.acquire(3))
      let second = try #require(try await other.leases(of: name).dropFirst().first)
      try await other.delete("/\(name)/leases/\(second)")
      try await other.locks.semaphore(name, limit: .fixed(3)).acquire(3, within: .seconds(20)).release()
      let loss = await #expect(throws: LockError.self) { try await lease.release() }
      #expect(loss?.code == .lockLost)
    }
  }

  @Test("who heads the queue gets into it again when its place there is deleted by hand")
  func deletedPlace() async throws {
    try await Self.with { name, client, other in
      let pool = client.locks.semaphore(name, limit: .fixed(1))
      let lease = try await pool.acquire()
      let waiter = Task {
        LeaseBox(try await other.locks.semaphore(name, limit: .fixed(1)).acquire(within: .seconds(60)))
      }
      // Not what the fast path has made, which is gone before anybody gets into line.
      try await eventuallyTrue(within: .seconds(10)) { try await client.count("/\(name)/locks") == 1 }
      try await eventuallyTrue(within: .seconds(10)) { try await client.permits(of: name) == 2 }
      let place = try #require(try await client.scan("/\(name)/locks")?.first)
      try await client.delete("/\(name)/locks/\(place)")
      try await eventuallyTrue(within: .seconds(20)) {
        guard let first = try await client.scan("/\(name)/locks")?.first, first != place else { return false }
        return try await client.permits(of: name) == 2
      }
      try await lease.release()
      try await waiter.value.release()
    }
  }

  @Test("who waits for permits when its session expires goes on waiting, and nobody is told that it has lost anything")
  func expiredWaiter() async throws {
    let servers = try await TestServers.shared.value
    let lines = InMemoryLogHandler()
    try await Self.with { name, client, _ in
      let waiting = try await TestClient.open(servers) { $0.logger = Logger(label: "test") { _ in lines } }
      let lease = try await client.locks.semaphore(name, limit: .fixed(1)).acquire()
      let waiter = Task {
        LeaseBox(try await waiting.locks.semaphore(name, limit: .fixed(1)).acquire(within: .seconds(60)))
      }
      try await eventuallyTrue(within: .seconds(10)) { try await client.count("/\(name)/locks") == 1 }
      try await eventuallyTrue(within: .seconds(10)) { try await client.permits(of: name) == 2 }
      let place = try await client.scan("/\(name)/locks")?.first
      try await servers.member().expireSession(try waiting.sessionID)
      try await eventuallyTrue(within: .seconds(20)) {
        guard let first = try await client.scan("/\(name)/locks")?.first, first != place else { return false }
        return try await client.permits(of: name) == 2
      }
      try await lease.release()
      try await waiter.value.release()
      #expect(!lines.entries.contains { $0.message == "the lock was lost while it was held" })
      await waiting.close()
    }
  }

  @Test("a lock of the same name is another thing, also within the body")
  func lockOfThatName() async throws {
    try await Self.with { name, client, _ in
      let pool = client.locks.semaphore(name, limit: .fixed(1))
      try await pool.withPermit { _ in
        try await client.lock(name).withLock(within: .seconds(5)) { held in #expect(held.isHeld) }
      }
    }
  }

  @Test("a limit's node that holds something else, and a path that cannot be, are refused")
  func wrongLimits() async throws {
    try await Self.with { name, client, other in
      let path = "/limits-of-tests/\(name)"
      try await other.client.createParents(path)
      try await other.client.set(path, data: Array("7".utf8))
      for path in [path, "limit", "/zookeeper//"] {
        let pool = client.locks.semaphore(name, limit: .shared(seed: 1, path: path))
        let error = await #expect(throws: LockError.self) { try await pool.acquire(within: .seconds(5)).release() }
        #expect(error?.code == .invalidConfiguration)
        let refusal = await #expect(throws: LockError.self) { try await pool.tryAcquire()?.release() }
        #expect(refusal?.code == .invalidConfiguration)
      }
    }
  }

  @Test("a limit is kept when nobody uses the semaphore, and read by whoever comes next, whatever its seed")
  func keptLimit() async throws {
    try await Self.with { name, client, other in
      try await client.locks.semaphore(name, limit: .shared(seed: 1)).setLimit(2)
      try await other.locks.semaphore(name, limit: .shared(seed: 5)).acquire(2, within: .seconds(5)).release()
      let isBusy = try await other.locks.semaphore(name, limit: .shared(seed: 5)).tryAcquire(3) == nil
      #expect(isBusy)
      let (data, _) = try await other.client.get("/\(name)/%limit")
      #expect(data == [0, 0, 0, 2])
    }
  }
}

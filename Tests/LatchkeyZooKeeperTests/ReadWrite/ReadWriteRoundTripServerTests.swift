import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import LatchkeyZooKeeper
import Testing
import ZooKeeper

@Suite("Requests that the ZooKeeper read-write lock costs", .serialized, .timeLimit(.minutes(3)))
struct ReadWriteRoundTripServerTests {
  /// Expects what a body that is run many times costs each time. Heartbeats and pings are few; a long session makes them fewer.
  private static func expect(
    packets: Int,
    writes: Int,
    _ servers: TestServers,
    times: Int = 200,
    _ body: () async throws -> Void
  ) async throws {
    try await body()
    let before = try await servers.numbers()
    for _ in 0..<times { try await body() }
    let after = try await servers.numbers()
    // The question itself is one packet.
    let seen = after.packets - before.packets - 1
    #expect(seen >= packets * times && seen < packets * times + 15, "\(seen) packets for \(times) times")
    let transactions = after.transactions - before.transactions
    #expect(transactions >= writes * times && transactions < writes * times + 15, "\(transactions) transactions")
  }

  private static func with(_ body: (TestServers, TestClient) async throws -> Void) async throws {
    let servers = try await TestServers.startOne()
    try await TestClient.with(servers, sessionTimeout: .seconds(60)) { client in try await body(servers, client) }
    await servers.members[0].stop()
  }

  @Test("an uncontended read or write takes a create, a list and a delete")
  func pair() async throws {
    try await Self.with { servers, client in
      let lock = client.locks.readWriteLock(try uniqueName())
      for half in [lock.reading, lock.writing] {
        try await Self.expect(packets: 3, writes: 2, servers) { try await half.acquire().release() }
      }
    }
  }

  @Test(
    "to go on reading after writing takes one transaction more, and to write after reading a list and a look as well"
  )
  func conversions() async throws {
    try await Self.with { servers, client in
      let lock = client.locks.readWriteLock(try uniqueName())
      try await Self.expect(packets: 4, writes: 3, servers) {
        try await lock.downgrade(try await lock.writing.acquire()).release()
      }
      try await Self.expect(packets: 6, writes: 3, servers) {
        switch try await lock.tryUpgrade(try await lock.reading.acquire()) {
        case .upgraded(let write): try await write.release()
        case .busy(let read): try await read.release()
        }
      }
    }
  }

  @Test("a try in vain takes one flight of sync and list, and writes nothing")
  func failedTries() async throws {
    try await Self.with { servers, client in
      try await TestClient.with(servers, sessionTimeout: .seconds(60)) { holder in
        let name = try uniqueName()
        let lease = try await holder.locks.readWriteLock(name).writing.acquire()
        let lock = client.locks.readWriteLock(name)
        for half in [lock.reading, lock.writing] {
          try await Self.expect(packets: 2, writes: 0, servers) {
            let isBusy = try await half.tryAcquire() == nil
            #expect(isBusy)
          }
        }
        try await lease.release()
      }
    }
  }

  /// Readers that stay until they are told to go.
  private struct Readers: Sendable {
    let name: LockName
    let client: TestClient
    let granted = Shared(0)
    let isOver = Shared(false)

    /// Queues readers with nodes of their own, behind all who stand in the queue.
    func join(_ count: Int, _ group: inout ThrowingTaskGroup<Void, any Error>) async throws {
      let before = try await self.client.count("/\(self.name)")
      for number in 1...count {
        // A client has one node for each set of locks.
        let lock = ZooKeeperLocks(client: self.client.client).readWriteLock(self.name)
        group.addTask {
          try await lock.reading.withLock { _ in
            self.granted.change { $0 += 1 }
            while !self.isOver.value { try await Task.sleep(for: .milliseconds(5)) }
          }
        }
        try await eventuallyTrue(within: .seconds(10)) {
          try await self.client.count("/\(self.name)") == before + number
        }
      }
      // Behind all of them, so that the last watches are set.
      try await self.client.client.sync("/")
    }
  }

  @Test(
    "fifty readers with nodes of their own behind a writer come in without a request between its release and theirs"
  )
  func readersBehindWriter() async throws {
    try await Self.with { servers, client in
      let readers = Readers(name: try uniqueName(), client: client)
      try await withThrowingTaskGroup(of: Void.self) { group in
        let write = try await client.locks.readWriteLock(readers.name).writing.acquire()
        try await readers.join(50, &group)
        let before = try await servers.numbers()
        try await write.release()
        try await eventuallyTrue(within: .seconds(10)) { readers.granted.value == 50 }
        let packets = try await servers.numbers().packets - before.packets - 1
        #expect(packets < 10, "\(packets) packets from the writer's release to the last reader's grant")
        readers.isOver.change { $0 = true }
        try await group.waitForAll()
      }
    }
  }

  @Test("readers behind two writers wait for the nearer one, and the end of the other one wakes none of them")
  func readersBehindTwoWriters() async throws {
    try await Self.with { servers, client in
      let readers = Readers(name: try uniqueName(), client: client)
      let second = ZooKeeperLocks(client: client.client).readWriteLock(readers.name)
      let (isWriting, mayEnd) = (Shared(false), Shared(false))
      try await withThrowingTaskGroup(of: Void.self) { group in
        let write = try await client.locks.readWriteLock(readers.name).writing.acquire()
        group.addTask {
          try await second.writing.withLock { _ in
            isWriting.change { $0 = true }
            while !mayEnd.value { try await Task.sleep(for: .milliseconds(5)) }
          }
        }
        try await eventuallyTrue(within: .seconds(10)) { try await client.count("/\(readers.name)") == 2 }
        try await readers.join(30, &group)
        let before = try await servers.numbers()
        try await write.release()
        try await eventuallyTrue(within: .seconds(10)) { isWriting.value }
        let packets = try await servers.numbers().packets - before.packets - 1
        #expect(packets < 15, "\(packets) packets from the first writer's release to the second one's grant")
        #expect(readers.granted.value == 0)
        mayEnd.change { $0 = true }
        try await eventuallyTrue(within: .seconds(10)) { readers.granted.value == 30 }
        readers.isOver.change { $0 = true }
        try await group.waitForAll()
      }
    }
  }
}

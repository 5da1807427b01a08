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

  @Test(
    "fifty readers with nodes of their own behind a writer come in without a request between its release and theirs"
  )
  func readersBehindWriter() async throws {
    try await Self.with { servers, client in
      let name = try uniqueName()
      // A client has one node for each set of locks.
      let sets = (0..<50).map { _ in ZooKeeperLocks(client: client.client) }
      let granted = Shared(0)
      let isOver = Shared(false)
      try await withThrowingTaskGroup(of: Void.self) { group in
        let write = try await client.locks.readWriteLock(name).writing.acquire()
        for (number, locks) in sets.enumerated() {
          group.addTask {
            try await locks.readWriteLock(name).reading.withLock { _ in
              granted.change { $0 += 1 }
              while !isOver.value { try await Task.sleep(for: .milliseconds(5)) }
            }
          }
          try await eventuallyTrue(within: .seconds(10)) { try await client.count("/\(name)") == number + 2 }
        }
        // Behind all of them, so that the last watches are set.
        try await client.client.sync("/")
        let before = try await servers.numbers()
        try await write.release()
        try await eventuallyTrue(within: .seconds(10)) { granted.value == 50 }
        let after = try await servers.numbers()
        let packets = after.packets - before.packets - 1
        #expect(packets < 10, "\(packets) packets from the writer's release to the last reader's grant")
        isOver.change { $0 = true }
        try await group.waitForAll()
      }
    }
  }
}

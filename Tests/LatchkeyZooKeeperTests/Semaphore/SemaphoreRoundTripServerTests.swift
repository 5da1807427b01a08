import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import LatchkeyZooKeeper
import Testing
import ZooKeeper

@Suite("Requests that the ZooKeeper semaphore costs", .serialized, .timeLimit(.minutes(3)))
struct SemaphoreRoundTripServerTests {
  /// Expects what a body that is run many times costs each time. Heartbeats and pings are few; a long session makes them fewer.
  private static func expect(
    packets: Int,
    writes: Int,
    _ servers: TestServers,
    times: Int = 100,
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

  @Test(
    "without contention, permits take a create, two lists and a delete, however many they are, and a shared limit a read"
  )
  func pair() async throws {
    let servers = try await TestServers.startOne()
    try await TestClient.with(servers, sessionTimeout: .seconds(60)) { client in
      let fixed = client.locks.semaphore(try uniqueName(), limit: .fixed(3))
      let shared = client.locks.semaphore(try uniqueName(), limit: .shared(seed: 3))
      for permits in [1, 3] {
        try await Self.expect(packets: 4, writes: 2, servers) { try await fixed.acquire(permits).release() }
        try await Self.expect(packets: 5, writes: 2, servers) { try await shared.acquire(permits).release() }
      }
    }
    await servers.members[0].stop()
  }

  @Test("a try that finds too few permits takes one flight, and writes nothing")
  func failedTry() async throws {
    let servers = try await TestServers.startOne()
    try await TestClient.with(servers, sessionTimeout: .seconds(60)) { holder in
      try await TestClient.with(servers, sessionTimeout: .seconds(60)) { client in
        let name = try uniqueName()
        let lease = try await holder.locks.semaphore(name, limit: .fixed(2)).acquire()
        let pool = client.locks.semaphore(name, limit: .fixed(2))
        try await Self.expect(packets: 3, writes: 0, servers) {
          let isBusy = try await pool.tryAcquire(2) == nil
          #expect(isBusy)
        }
        try await lease.release()
      }
    }
    await servers.members[0].stop()
  }

  @Test("of many who wait, only the first in the queue asks anything when a permit is given back")
  func handOver() async throws {
    let servers = try await TestServers.startOne()
    try await TestClient.with(servers, sessionTimeout: .seconds(60)) { client in
      let name = try uniqueName()
      let pool = client.locks.semaphore(name, limit: .fixed(1))
      var holder = LeaseBox(try await pool.acquire())
      // In processes of their own, as far as the servers can tell.
      var others: [TestClient] = []
      for _ in 0..<4 { others.append(try await TestClient.open(servers, sessionTimeout: .seconds(60))) }
      var waiters: [Task<LeaseBox, any Error>] = []
      for (index, other) in others.enumerated() {
        waiters.append(Task { LeaseBox(try await other.locks.semaphore(name, limit: .fixed(1)).acquire()) })
        try await eventuallyTrue(within: .seconds(10)) { try await client.count("/\(name)/locks") == index + 1 }
      }
      try await eventuallyTrue(within: .seconds(10)) { try await client.permits(of: name) == 2 }
      let before = try await servers.numbers()
      try await holder.release()
      holder = try await waiters[0].value
      try await eventuallyTrue(within: .seconds(10)) { try await client.permits(of: name) == 2 }
      let after = try await servers.numbers()
      // Given back, listed, out of the queue; the next one heads it with a node of its own. What the test itself asks is in it too.
      #expect(after.transactions - before.transactions <= 5)
      for (index, waiter) in waiters.enumerated() {
        if index > 0 { holder = try await waiter.value }
        try await holder.release()
      }
      for other in others { await other.close() }
    }
    await servers.members[0].stop()
  }
}

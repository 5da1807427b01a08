import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import LatchkeyZooKeeper
import Testing

@testable import ZooKeeper

@Suite("Requests that the ZooKeeper lock costs", .serialized, .timeLimit(.minutes(3)))
struct RoundTripServerTests {
  @Test("an uncontended acquire and release take two writes and one read")
  func pair() async throws {
    let servers = try await TestServers.startOne()
    // A long session: few heartbeats and pings come between.
    try await TestClient.with(servers, sessionTimeout: .seconds(60)) { client in
      let lock = client.lock(try uniqueName())
      try await lock.acquire().release()
      let before = try await servers.numbers()
      for _ in 0..<500 { try await lock.acquire().release() }
      let after = try await servers.numbers()
      // The question itself is one packet; heartbeats and pings are few.
      let packets = after.packets - before.packets - 1
      #expect(packets >= 1500 && packets < 1510, "\(packets) packets for 500 pairs")
      let writes = after.transactions - before.transactions
      #expect(writes >= 1000 && writes < 1010, "\(writes) transactions for 500 pairs")
    }
    await servers.members[0].stop()
  }

  @Test("a try on a held lock takes one flight of sync and list, and writes nothing")
  func failedTry() async throws {
    let servers = try await TestServers.startOne()
    try await TestClient.with(servers, sessionTimeout: .seconds(60)) { holder in
      try await TestClient.with(servers, sessionTimeout: .seconds(60)) { client in
        let name = try uniqueName()
        let lease = try await holder.lock(name).acquire()
        let lock = client.lock(name)
        let before = try await servers.numbers()
        for _ in 0..<200 {
          let granted = try await lock.tryAcquire() != nil
          #expect(!granted)
        }
        let after = try await servers.numbers()
        let packets = after.packets - before.packets - 1
        #expect(packets >= 400 && packets < 415, "\(packets) packets for 200 tries")
        #expect(after.transactions - before.transactions < 10)
        try await lease.release()
      }
    }
    await servers.members[0].stop()
  }

  @Test("ten thousand tasks of one client stand behind one node, without a thread each, and are served in order")
  func crowd() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers, sessionTimeout: .seconds(30)) { client in
      let name = try uniqueName()
      let lock = client.lock(name)
      let served = Shared<[Int]>([])
      try await withThrowingTaskGroup(of: Void.self) { group in
        let holder = try await lock.acquire()
        for index in 0..<10_000 {
          // Started one by one, each as far as its first wait, so that the order is known.
          group.addImmediateTask {
            let lease = try await lock.acquire()
            served.change { $0.append(index) }
            try await lease.release()
          }
        }
        #expect(try await client.count("/\(name)") <= 2)
        try await holder.release()
        try await group.waitForAll()
      }
      #expect(served.value == Array(0..<10_000))
    }
  }
}

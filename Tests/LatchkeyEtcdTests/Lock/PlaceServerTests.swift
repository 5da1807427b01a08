#if Etcd
import EtcdAPI
import Latchkey
import LatchkeyTestSupport
import Testing

@testable import LatchkeyEtcd

@Suite("The place in an etcd lock's queue", .serialized, .timeLimit(.minutes(3)))
struct PlaceServerTests {
  @Test("is told after it has been read again, with several ahead")
  func severalAhead() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers) { others in
      let name = try uniqueName()
      // Three before us, each with locks of its own.
      var queue: [EtcdLocks] = []
      let holder = try await others.lock(name).acquire(within: .seconds(5))
      var waiters: [Task<Void, any Error>] = []
      for count in 2...3 {
        let locks = EtcdLocks(client: others.client)
        queue.append(locks)
        waiters.append(Task { try await locks.lock(name).acquire(within: .seconds(30)).release() })
        try await eventuallyTrue(within: .seconds(5)) { try await others.keys("\(name)/").count == count }
      }
      try await TestClient.with(servers, change: { $0.recheckInterval = .milliseconds(100) }) { last in
        // Many looks at the place have come and gone by then.
        let error = try #require(await failure(of: last.lock(name), within: .seconds(1)))
        #expect(error.code == .timedOut)
        #expect(error.wait?.place == 3)
        #expect(error.wait?.holder == ContenderDescription.thisProcess(label: nil))
      }
      try await holder.release()
      for waiter in waiters { try await waiter.value }
    }
  }

  @Test("behind a key without a lease, the error says that the key does not go away by itself", arguments: [0, 300])
  func leaseless(milliseconds: Int) async throws {
    try await TestClient.with(try await TestServers.shared.value) { client in
      let name = try uniqueName()
      let put = EtcdTxnRequest(then: [.put(Array("\(name)/1".utf8), Array("data".utf8), lease: 0)])
      _ = try await client.client.connections.call(EtcdMethods.txn, put, timeout: .seconds(5))
      let error = try #require(await failure(of: client.lock(name), within: .milliseconds(milliseconds)))
      #expect(error.code == .timedOut)
      #expect(error.wait?.holder == "key \(name)/1 without a lease, which stays until somebody deletes it")
      try await client.delete("\(name)/1")
    }
  }

  @Test("is at most what it was where a read does not tell it")
  func untold() throws {
    var machine = KeyQueue(session: 1)
    machine.demand = Demand(waits: true)
    _ = machine.demandChanged(true)
    let node = KeyQueueNode(key: [1], slot: 0, revision: 300, session: 1)
    let entry = KeyQueueEntry.entered(node, KeyQueueView(predecessor: [2], ahead: 200, revision: 300))
    _ = machine.handle(.entered(attempt: 1, .success(entry), node: nil, copies: 0), true)
    #expect(machine.standing?.ahead == 200)
    #expect(machine.handle(.recheck, true) == [.send(.check(attempt: 1, node))])
    let check = KeyQueueCheck.standing(KeyQueueView(predecessor: [2], revision: 301))
    _ = machine.handle(.checked(attempt: 1, .success(check)), true)
    #expect(machine.standing?.ahead == 200)
  }
}
#endif

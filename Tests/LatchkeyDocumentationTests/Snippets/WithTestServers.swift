import Latchkey
import LatchkeyTesting
import LatchkeyZooKeeper
import Testing
import ZooKeeper

// The code of the page of the module LatchkeyTesting.

// snippet: testing server
@Test("two services do not send invoices at once", .timeLimit(.minutes(1)))
func servicesTakeTurns() async throws {
  try await withZooKeeper { server in
    let configuration = ZooKeeperClient.Configuration(connectString: server.connectString)
    try await ZooKeeperClient.withClient(configuration) { client in
      let lock = ZooKeeperLocks(client: client).lock("invoices")
      let lease = try await lock.acquire(within: .seconds(5))
      let isBusy = try await lock.tryAcquire() == nil
      #expect(isBusy)
      try await lease.release()
    }
  }
}
// end

// snippet: testing proxy
@Test("a reply that is lost costs no lock", .timeLimit(.minutes(1)))
func lostReply() async throws {
  try await withZooKeeper { server in
    try await withFaultProxy(to: server.port, framing: .zooKeeper) { proxy in
      let configuration = ZooKeeperClient.Configuration(connectString: proxy.connectString)
      try await ZooKeeperClient.withClient(configuration) { client in
        let lock = ZooKeeperLocks(client: client).lock("invoices")
        try await lock.acquire(within: .seconds(5)).release()
        // The node is made, the client never hears of it, and its connection breaks.
        let lost = await proxy.dropReply(to: { $0.zooKeeperOperation == .createAndState }, thenReset: true)
        let lease = try await lock.acquire(within: .seconds(10))
        try await lost.struck()
        #expect(lease.held.isHeld)
        try await lease.release()
      }
    }
  }
}
// end

enum History {
  static func judge(_ lock: any DistributedLock) async throws -> HistoryReport {
    // snippet: testing history
    let history = HistoryRecorder()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for worker in 0..<4 {
        group.addTask {
          for _ in 0..<25 {
            history.record(.requested, worker: worker, lock: lock.name.rawValue)
            try await lock.withLock { held in
              history.record(.granted(held.token), worker: worker, lock: lock.name.rawValue)
              await Task.yield()
              history.record(.released, worker: worker, lock: lock.name.rawValue)
            }
          }
        }
      }
      try await group.waitForAll()
    }
    let report = HistoryReport(history.events)
    // end
    return report
  }
}

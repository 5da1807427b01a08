#if Etcd
import LatchkeyPrimitives
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@testable import Latchkey
@testable import LatchkeyEtcd

@Suite("The watches of an etcd lock", .serialized, .timeLimit(.minutes(3)))
struct WatchServerTests {
  @Test("outlast their use while clients contend again and again, and are given up when they do not")
  func givenUp() async throws {
    try await withEtcd { server in
      let servers = TestServers(members: [server])
      try await TestClient.with(servers) { one in
        try await TestClient.with(servers) { two in
          let name = try uniqueName()
          let counter = SharedCounter()
          try await withThrowingTaskGroup(of: Void.self) { group in
            for client in [one, two] {
              group.addTask {
                for _ in 0..<50 { try await client.lock(name).withLock { _ in await counter.add() } }
              }
            }
            try await group.waitForAll()
          }
          #expect(counter.current == 100)
          try await eventuallyTrue(within: .seconds(5)) {
            try await server.metric("etcd_debugging_mvcc_watcher_total") == 0
          }
        }
      }
    }
  }

  @Test("one that comes into use again before the queue has done all that its last use left to do tells that use")
  func usedAgain() async throws {
    try await TestClient.with(try await TestServers.shared.value, sessionTimeout: .seconds(30)) { client in
      let name = try uniqueName()
      let lease = try await client.lock(name).acquire(within: .seconds(5))
      let queue = client.locks.contention(for: name)
      try await eventuallyTrue(within: .seconds(20)) { queue.withLocal { $1.ownWatch != nil } }
      let left = try #require(
        queue.state.withLock { state -> (KeyWatch, Contention<KeyQueueBackend>.Work)? in
          guard let watch = state.local.ownWatch, let node = state.leases.keys.first else { return nil }
          state.leases = [:]
          return (watch, queue.run(&state) { $0.released(node, $1) })
        }
      )
      // What another thread may do meanwhile.
      let isTold = Shared(false)
      queue.withLocal { $1.ownWatch?.parking = nil }
      let resumption = client.client.watches.resume(left.0.id, asOf: 0) { event in
        if case .happened = event { isTold.change { $0 = true } }
      }
      guard case .resumed = resumption else {
        Issue.record("the watch is gone")
        return
      }
      #expect(!isTold.value)
      // The key is deleted now.
      queue.perform(left.1)
      try await eventuallyTrue(within: .seconds(20)) { isTold.value }
      await lease.releaseQuietly()
    }
  }
}
#endif

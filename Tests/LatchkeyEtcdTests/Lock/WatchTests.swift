#if Etcd
import Latchkey
import LatchkeyTesting
import Testing

@testable import LatchkeyEtcd

@Suite("The watches of an etcd lock", .serialized, .timeLimit(.minutes(3)))
struct WatchTests {
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
          try await waitUntil(within: .seconds(5)) {
            try await server.metric("etcd_debugging_mvcc_watcher_total") == 0
          }
        }
      }
    }
  }
}
#endif

import Latchkey
import LatchkeyTesting
import Testing

@testable import LatchkeyRedis

@Suite("The lock on a server of a Redis cluster", .timeLimit(.minutes(2)))
struct ClusterTests {
  @Test("leases whose keys lie in different slots are extended each by itself")
  func slots() async throws {
    try await withRedis(RedisConfiguration { $0.settings = ["cluster-enabled": "yes"] }) { server in
      try await server.command("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
      try await eventuallyTrue { try await Self.info(of: server, "CLUSTER", "INFO").contains("cluster_state:ok") }
      try await LockClient.with([server], timeToLive: .milliseconds(1500)) { client in
        // A lease that nobody extends never has so late a deadline.
        let end = ContinuousClock.now.advanced(by: .milliseconds(3000))
        try await withThrowingTaskGroup { group in
          for _ in 0..<8 {
            let lock = client.lock(try uniqueName())
            group.addTask {
              try await lock.withLock { held in
                try await eventuallyTrue { held.deadline.map { $0 > end } ?? false }
                #expect(held.isHeld)
              }
            }
          }
          try await group.waitForAll()
        }
        let errors = try await Self.info(of: server, "INFO", "errorstats")
        #expect(errors.contains("errorstat_CROSSSLOT:count=1\r\n"))
      }
    }
  }

  private static func info(of server: RedisServer, _ command: String, _ section: String) async throws -> String {
    try await server.command(command, section).compactMap { $0 }.joined()
  }
}

import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@testable import LatchkeyRedis

@Suite("The lock on a server of a Redis cluster", .timeLimit(.minutes(2)))
struct ClusterServerTests {
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

  @Test("a lock and its counter are in one slot, whatever braces its name has")
  func braces() async throws {
    try await withRedis(RedisConfiguration { $0.settings = ["cluster-enabled": "yes"] }) { server in
      try await server.command("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
      try await eventuallyTrue { try await Self.info(of: server, "CLUSTER", "INFO").contains("cluster_state:ok") }
      try await LockClient.with([server]) { client in
        for text in ["a}b", "a}b{c", "}x", "a{}b", "{}", "{}{a}", "orders", "a{b}c", "{x", "x{y", "{{a}}"] {
          let name = try LockName(text)
          try await client.lock(name).acquire(within: .seconds(10)).release()
          let keys = LockKeys(name, prefix: "")
          var slots: Set<String?> = []
          for key in [keys.lock, keys.counter] {
            slots.insert(
              try await server.command("CLUSTER", "KEYSLOT", String(decoding: key, as: UTF8.self)).first ?? nil
            )
          }
          #expect(slots.count == 1, "\(text): \(String(decoding: keys.counter, as: UTF8.self))")
        }
      }
    }
  }

  @Test("the counters of names that could be locked in a cluster before are still where they were")
  func counters() throws {
    func counter(_ name: String) throws -> String {
      String(decoding: LockKeys(try LockName(name), prefix: "").counter, as: UTF8.self)
    }
    expectEqual(try counter("orders"), "{orders}:latchkey")
    expectEqual(try counter("a{b}c"), "a{b}c:latchkey")
    expectEqual(try counter("{x"), "{{x}:latchkey")
    // No lock can have this counter's name before its suffix: it ends with the suffix as well.
    #expect(try counter("a}b").hasSuffix("}a}b:latchkey:latchkey"))
  }

  private static func info(of server: RedisServer, _ command: String, _ section: String) async throws -> String {
    try await server.command(command, section).compactMap { $0 }.joined()
  }
}

import LatchkeyProcesses
import LatchkeyTesting
import Testing

@testable import LatchkeyCLI

@Suite("Servers that run cannot reach", .timeLimit(.minutes(2)))
struct UnreachableServerTests {
  /// A try and a wait of two seconds, side by side: both end with status 125 and blame the servers, not another holder.
  private func expectEndsSoon(_ url: String, options: [String] = []) async throws {
    try await withThrowingTaskGroup { group in
      for budget in [["--try"], ["--wait", "2s"]] {
        group.addTask {
          let start = ContinuousClock.now
          let outcome = await (try Latchkey(["run"] + budget + options + [url, "--", "true"])).outcome()
          // Without a budget of two seconds it takes ten at the least.
          #expect(start.duration(to: .now) < .seconds(9), "\(budget)")
          #expect(outcome.status == 125, "\(budget)")
          #expect(outcome.errors.count == 1 && outcome.errorText.contains("check the addresses"), "\(outcome.errors)")
          for word in ["held", "holds", "holder", "ahead"] { #expect(!outcome.errorText.contains(word)) }
        }
      }
      try await group.waitForAll()
    }
  }

  @Test(
    "end a try and a wait in its time if nobody listens at their addresses",
    arguments: [
      "redis://127.0.0.1:1", "redlock://127.0.0.1:1,127.0.0.1:2,127.0.0.1:3", "zookeeper://127.0.0.1:1",
      "etcd://127.0.0.1:1",
    ]
  )
  func refused(servers: String) async throws {
    try await self.expectEndsSoon(servers + "/orders")
  }

  @Test("end a try and a wait in its time if Redis is stopped")
  func redis() async throws {
    try await withRedis { server in
      try server.pause()
      try await self.expectEndsSoon("redis://\(server.connectString)/orders")
      try server.resume()
    }
  }

  @Test("end a try and a wait in its time if a majority of Redlock's servers is stopped")
  func redlock() async throws {
    try await withRedisServers(count: 3) { servers in
      for server in servers.dropFirst() { try server.pause() }
      try await self.expectEndsSoon("redlock://\(servers.map(\.connectString).joined(separator: ","))/orders")
      for server in servers.dropFirst() { try server.resume() }
    }
  }

  @Test("end a try and a wait in its time if ZooKeeper is stopped")
  func zooKeeper() async throws {
    try await withZooKeeper { server in
      try server.pause()
      try await self.expectEndsSoon("zookeeper://\(server.connectString)/orders", options: ["--tick", "200ms"])
      try server.resume()
    }
  }

  @Test("end a try and a wait in its time if etcd is stopped")
  func etcd() async throws {
    try await withEtcd { server in
      try server.pause()
      try await self.expectEndsSoon("etcd://\(server.endpoint)/orders")
      try server.resume()
    }
  }
}

import LatchkeyTesting
import Testing

@testable import LatchkeyCLI

@Suite("latchkey check on real servers", .timeLimit(.minutes(3)))
struct CheckServerTests {
  /// Whether a line of the output names a level and a check, and says something.
  private func says(_ outcome: Latchkey.Outcome, _ level: String, _ check: String, _ words: String) -> Bool {
    outcome.output.contains { $0.hasPrefix(level) && $0.contains(" \(check): ") && $0.contains(words) }
  }

  @Test("names eviction, a replica and forgetfulness of a Redis server, with status 1")
  func redis() async throws {
    let configuration = RedisConfiguration { $0.settings = ["maxmemory": "100mb", "maxmemory-policy": "allkeys-lru"] }
    try await withRedis(configuration) { server in
      let replication = RedisConfiguration { $0.settings = ["replicaof": "127.0.0.1 \(server.port)"] }
      try await withRedis(replication) { replica in
        let isAttached = try await eventually(within: .seconds(20)) {
          let info = try await server.command("INFO", "replication").compactMap { $0 }.joined()
          return info.contains("connected_slaves:1")
        }
        #expect(isAttached)
        let outcome = try await Latchkey.call("check", "redis://\(server.connectString)")
        #expect(outcome.status == 1 && outcome.errors.isEmpty)
        #expect(self.says(outcome, "danger", "eviction", "allkeys-lru"))
        #expect(self.says(outcome, "warning", "replication", "1 replica is attached"))
        #expect(self.says(outcome, "warning", "persistence", "nothing is kept on disk"))
        #expect(self.says(outcome, "ok", "version", "Redis"))
        let replicaOutcome = try await Latchkey.call("check", "redis://\(replica.connectString)")
        #expect(replicaOutcome.status == 1)
        #expect(self.says(replicaOutcome, "danger", "replication", "a replica of 127.0.0.1:\(server.port)"))
      }
    }
  }

  @Test(
    "has nothing to object to in a Redis server that forgets nothing and asks for a password, which it does not show"
  )
  func good() async throws {
    let configuration = RedisConfiguration {
      $0.keepsData = true
      $0.password = "hunter2"
      $0.settings = ["appendfsync": "always"]
    }
    try await withRedis(configuration) { server in
      let url = "redis://\(server.connectString)"
      let outcome = try await Latchkey.call("check", url, "--json", settings: ["LATCHKEY_PASSWORD": "hunter2"])
      #expect(outcome.status == 0, "\(outcome.output)")
      #expect(outcome.output.count == 1 && outcome.output[0].contains(#""verdict":"ok""#))
      #expect(!outcome.output[0].contains("hunter2") && outcome.output[0].contains(#""remedy":null"#))
      let refused = try await Latchkey.call("check", url, settings: ["LATCHKEY_PASSWORD": "wrong"])
      #expect(refused.status == 69 && refused.errors.count == 1 && refused.output.isEmpty)
    }
  }

  @Test("finds one server behind two addresses of a Redlock, and one that is gone")
  func redlock() async throws {
    try await withRedisServers(count: 2) { servers in
      let hosts = "127.0.0.1:\(servers[0].port),localhost:\(servers[0].port),127.0.0.1:\(servers[1].port),127.0.0.1:1"
      let outcome = try await Latchkey.call("check", "redlock://\(hosts)?timeout=500ms")
      #expect(outcome.status == 1)
      #expect(self.says(outcome, "danger", "independence", "one and the same server"))
      #expect(self.says(outcome, "warning", "reachable", "127.0.0.1:1"))
      #expect(self.says(outcome, "note", "servers", "4 servers survive no more failures than 3"))
      #expect(self.says(outcome, "ok", "clocks", "ms apart"))
    }
  }

  @Test("reads tick, mode and version of a ZooKeeper server, and says which defect that version has")
  func zooKeeper() async throws {
    let url = try await SharedZooKeeper.url("x")
    // The server ticks every 200 ms; a session is to be at least 4 ticks long.
    let outcome = try await Latchkey.call("check", url, "--tick", "100ms", "--session-timeout", "600ms")
    #expect(outcome.status == 1)
    #expect(self.says(outcome, "danger", "session", "600ms is 3 ticks of 200ms"))
    #expect(self.says(outcome, "warning", "tick", "clients without a setting assume 100ms"))
    #expect(self.says(outcome, "note", "ensemble", "one server alone"))
    #expect(self.says(outcome, "ok", "mode", "standalone"))
    let fine = try await Latchkey.call("check", url, "--tick", "200ms", "--session-timeout", "2s")
    #expect(self.says(fine, "ok", "session", "2s is 10 ticks of 200ms") && self.says(fine, "ok", "tick", "200ms"))
    // What Debian has today; a newer one has another line here.
    #expect(self.says(fine, "warning", "version", "ZOOKEEPER-4537") || self.says(fine, "ok", "version", "ZooKeeper"))
  }

  @Test("finds ZooKeeper servers that are no ensemble, and says what a server does not tell")
  func strangers() async throws {
    let closed = ZooKeeperConfiguration { $0.settings = ["4lw.commands.whitelist": "srvr, ruok"] }
    try await withZooKeeper(closed) { server in
      let other = try await SharedZooKeeper.url("x").split(separator: "/")[1]
      let outcome = try await Latchkey.call("check", "zookeeper://\(server.connectString),\(other)")
      #expect(outcome.status == 1)
      #expect(self.says(outcome, "danger", "ensemble", "each with locks of its own"))
      // Where locks are taken, they are refused.
      let run = try await Latchkey.call("run", "zookeeper://\(server.connectString),\(other)/x", "--", "true")
      #expect(run.errors.contains { $0.contains("stand-alone") }, "\(run.errors)")
      let alone = try await Latchkey.call("check", "zookeeper://\(server.connectString)")
      #expect(self.says(alone, "note", "tick", "could not be read"))
    }
  }

  @Test("says of a ZooKeeper server that nobody listens there, in words that people know")
  func gone() async throws {
    let server = try await SharedZooKeeper.url("x").split(separator: "/")[1]
    let outcome = try await Latchkey.call("check", "zookeeper://\(server),127.0.0.1:1", "--tick", "200ms")
    #expect(outcome.status == 1)
    #expect(self.says(outcome, "warning", "reachable", "its port is closed or silent"))
    #expect(!outcome.output.contains { $0.contains("Connection") })
  }

  @Test("names the defect of the etcd version that Debian has")
  func etcd() async throws {
    try await withEtcd { server in
      let outcome = try await Latchkey.call("check", "etcd://\(server.endpoint)")
      #expect(
        self.says(outcome, "warning", "version", "etcd-io/etcd#15247") || self.says(outcome, "ok", "version", "etcd")
      )
      #expect(outcome.status == (outcome.output.contains { $0.hasPrefix("warning") } ? 1 : 0))
      #expect(self.says(outcome, "note", "members", "one member"))
      #expect(self.says(outcome, "ok", "alarms", "no alarm"))
      #expect(self.says(outcome, "note", "access", "no user is asked for"))
      #expect(self.says(outcome, "ok", "cluster", "one cluster"))
    }
  }
}

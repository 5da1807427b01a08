#if Redis
internal import LatchkeyTesting

/// Throw-away Redis servers: one alone, or several independent ones for Redlock.
struct RedisServers: ServerKind {
  let name = "redis"
  let counts = 1...9

  /// To be harmed, one server keeps its data over a restart, since that is what its lock rests on; those of Redlock start empty,
  /// since its quarantine is there for that.
  func withServers<Result: Sendable>(
    count: Int,
    harmed: Bool,
    _ body: @Sendable (any ServedServers) async throws -> Result
  ) async throws -> Result {
    let configuration = RedisConfiguration {
      $0.keepsData = harmed && count == 1
      if $0.keepsData { $0.settings["appendfsync"] = "always" }
    }
    return try await withRedisServers(configuration, count: count) { servers in try await body(Served(servers)) }
  }

  private struct Served: ServedServers {
    let servers: [RedisServer]
    let version: String?
    let hasLeader = false
    let framing = FaultProxy.Framing.raw

    init(_ servers: [RedisServer]) async {
      self.servers = servers
      // A server that does not tell is none the worse.
      let answer = try? await servers.first?.command("INFO", "server")
      let version = RedisFacts.fields(ofInfo: (answer?.first ?? nil) ?? "")["redis_version"]
      self.version = version.map { "Redis \($0)" }
    }

    var quarantine: Duration? { self.servers.count == 1 ? nil : RedlockBackend.quarantine }

    var base: String {
      let hosts = self.servers.map(\.connectString).joined(separator: ",")
      return "\(self.servers.count == 1 ? "redis" : "redlock")://\(hosts)/"
    }
    var members: [any ThrowawayServer] { self.servers }

    func waitUntilReady() async throws {
      for server in self.servers { try await server.waitUntilReady() }
    }

    func expireHolder(of lock: String, session: Int64?) async throws -> Bool {
      var deleted = 0
      for server in self.servers where server.processID != nil {
        // One that is paused or on its way down keeps its key: a majority is enough.
        if let answer = try? await server.command("DEL", lock), answer.first == "1" { deleted += 1 }
      }
      return deleted > 0
    }

    func leftovers(of lock: String) async throws -> [String] {
      var found: [String] = []
      for (place, server) in self.servers.enumerated() where try await server.command("EXISTS", lock).first == "1" {
        found.append("the key \(lock) on server \(place + 1)")
      }
      return found
    }
  }
}
#endif

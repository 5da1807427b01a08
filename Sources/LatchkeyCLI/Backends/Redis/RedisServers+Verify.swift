#if Redis
internal import LatchkeyTesting

extension RedisServers: VerifiedServerKind {
  /// One server keeps its data over a restart, since that is what its lock rests on; those of Redlock start empty, since its
  /// quarantine is there for that.
  func withVerifiedServers<Result: Sendable>(
    count: Int,
    _ body: @Sendable (any VerifiedServers) async throws -> Result
  ) async throws -> Result {
    let configuration = RedisConfiguration {
      $0.keepsData = count == 1
      if count == 1 { $0.settings["appendfsync"] = "always" }
    }
    return try await withRedisServers(configuration, count: count) { servers in
      try await body(Verified(servers: servers))
    }
  }

  private struct Verified: VerifiedServers {
    let servers: [RedisServer]
    let version: String? = nil
    let tick: Duration? = nil
    let hasLeader = false
    let framing = FaultProxy.Framing.raw

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

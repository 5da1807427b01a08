#if ZooKeeper
internal import LatchkeyTesting

/// Throw-away ZooKeeper servers: one alone, or an ensemble.
struct ZooKeeperServers: ServerKind {
  let name = "zookeeper"
  let counts = 1...9

  func withServers<Result: Sendable>(
    count: Int,
    harmed: Bool,
    _ body: @Sendable (any ServedServers) async throws -> Result
  ) async throws -> Result {
    guard count > 1 else {
      return try await withZooKeeper { server in try await body(Served(server.connectString, [server])) }
    }
    return try await withZooKeeperEnsemble(count: count, hasNetwork: harmed) { ensemble in
      try await body(Served(ensemble.connectString, ensemble.members, ensemble))
    }
  }

  private struct Served: ServedServers {
    let base: String
    let servers: [ZooKeeperServer]
    let ensemble: ZooKeeperEnsemble?
    let version: String?
    let framing = FaultProxy.Framing.zooKeeper

    init(_ connectString: String, _ servers: [ZooKeeperServer], _ ensemble: ZooKeeperEnsemble? = nil) async {
      self.base = "zookeeper://\(connectString)/"
      self.servers = servers
      self.ensemble = ensemble
      // A server that does not tell is none the worse.
      let version = (try? await servers.first?.mntr())?["zk_version"]
      self.version = version.map { "ZooKeeper \($0.prefix { $0 != "-" && $0 != "," })" }
    }

    var tick: Duration? { self.servers.first?.configuration.tick }
    var members: [any ThrowawayServer] { self.servers }
    var hasLeader: Bool { self.ensemble != nil }

    func leader() async throws -> Int {
      guard let leader = try await self.ensemble?.leader() else { return 0 }
      return self.servers.firstIndex { $0 === leader } ?? 0
    }

    func waitUntilReady() async throws {
      for server in self.servers { try await server.waitUntilReady() }
    }

    var network: (any MemberNetwork)? { self.ensemble?.network }

    func expireHolder(of lock: String, session: Int64?) async throws -> Bool {
      guard let session else { return false }
      let place = try await self.leader()
      try await self.servers[place].expireSession(session)
      return true
    }

    func leftovers(of lock: String) async throws -> [String] {
      let leader = self.servers[try await self.leader()]
      return try await leader.fourLetterWord("dump").split(whereSeparator: \.isNewline)
        .filter { $0.contains("/\(lock)/") }
        .map { "the node \($0.drop { $0.isWhitespace })" }
    }
  }
}
#endif

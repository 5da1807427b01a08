#if ZooKeeper
internal import LatchkeyTesting

extension ZooKeeperServers: VerifiedServerKind {
  func withVerifiedServers<Result: Sendable>(
    count: Int,
    _ body: @Sendable (any VerifiedServers) async throws -> Result
  ) async throws -> Result {
    guard count > 1 else {
      return try await withZooKeeper { server in
        try await body(Verified(base: "zookeeper://\(server.connectString)/", servers: [server], ensemble: nil))
      }
    }
    return try await withZooKeeperEnsemble(count: count, hasNetwork: true) { ensemble in
      try await body(
        Verified(base: "zookeeper://\(ensemble.connectString)/", servers: ensemble.members, ensemble: ensemble)
      )
    }
  }

  private struct Verified: VerifiedServers {
    let base: String
    let servers: [ZooKeeperServer]
    let ensemble: ZooKeeperEnsemble?
    let version: String? = nil
    let framing = FaultProxy.Framing.zooKeeper

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

    func isolate(_ place: Int, _ direction: FaultProxy.Direction) async throws -> Bool {
      guard let network = self.ensemble?.network else { return false }
      await network.isolate(place, direction)
      return true
    }

    func rejoin() async { await self.ensemble?.network?.heal() }

    func lostBetweenMembers() async -> Int { await self.ensemble?.network?.lostBytes ?? 0 }

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

#if Etcd
internal import LatchkeyTesting

extension EtcdServers: VerifiedServerKind {
  func withVerifiedServers<Result: Sendable>(
    count: Int,
    _ body: @Sendable (any VerifiedServers) async throws -> Result
  ) async throws -> Result {
    guard count > 1 else {
      return try await withEtcd { server in try await body(Verified([server], cluster: nil)) }
    }
    return try await withEtcdCluster(count: count, hasNetwork: true) { cluster in
      try await body(Verified(cluster.members, cluster: cluster))
    }
  }

  private struct Verified: VerifiedServers {
    /// How soon after its return a deposed leader takes leases away.
    private static let defectWindow: UInt64 = 5_000_000_000

    let base: String
    let servers: [EtcdServer]
    let cluster: EtcdCluster?
    let version: String?
    let tick: Duration? = nil
    let framing = FaultProxy.Framing.raw
    /// Whether a leader that was deposed without knowing it revokes leases when it comes back (etcd issue 15247).
    let hasRevokeDefect: Bool

    init(_ servers: [EtcdServer], cluster: EtcdCluster?) async throws {
      self.base = "etcd://\(servers.map(\.endpoint).joined(separator: ","))/"
      self.servers = servers
      self.cluster = cluster
      let version = try await servers.first?.version()
      self.version = version.map { "etcd \($0)" }
      self.hasRevokeDefect = EtcdDefect.revokesWhenDeposed(version ?? "")
    }

    var members: [any ThrowawayServer] { self.servers }
    var hasLeader: Bool { self.cluster != nil }

    func leader() async throws -> Int {
      guard let leader = try await self.cluster?.leader() else { return 0 }
      return self.servers.firstIndex { $0 === leader } ?? 0
    }

    func waitUntilReady() async throws {
      for server in self.servers { try await server.waitUntilReady() }
    }

    func isolate(_ place: Int, _ direction: FaultProxy.Direction) async throws -> Bool {
      guard let network = self.cluster?.network else { return false }
      try await network.isolate(place, direction)
      return true
    }

    func rejoin() async { await self.cluster?.network?.heal() }

    func lostBetweenMembers() async -> Int { await self.cluster?.network?.lostBytes ?? 0 }

    func expireHolder(of lock: String, session: Int64?) async throws -> Bool {
      let server = self.servers[try await self.leader()]
      guard let lease = try await server.oldestLease(under: "\(lock)/") else { return false }
      try await server.revokeLease(lease)
      return true
    }

    func leftovers(of lock: String) async throws -> [String] {
      let count = try await self.servers[try await self.leader()].countKeys(under: "\(lock)/")
      return count == 0 ? [] : ["\(count) keys under \(lock)/"]
    }

    func excuses(for faults: [InjectedFault]) -> [Excuse] {
      guard self.hasRevokeDefect, self.cluster != nil else { return [] }
      return faults.compactMap { fault in
        switch fault.action {
        case .pauseServer, .isolateServer:
          // Whichever member it was: one that came back late may also have led in between.
          Excuse(
            reason:
              "\(self.version ?? "etcd") has etcd issue 15247: a deposed leader revokes living leases when it is back",
            from: fault.until,
            until: fault.until + Self.defectWindow
          )
        default: nil
        }
      }
    }
  }
}

/// What is known to be wrong with versions of etcd.
enum EtcdDefect {
  /// Whether a version has etcd issue 15247, which 3.4.31 and 3.5.13 mended.
  static func revokesWhenDeposed(_ version: String) -> Bool {
    let numbers = version.split(whereSeparator: { !$0.isNumber }).prefix(3).compactMap { Int($0) }
    guard numbers.count == 3 else { return false }
    return numbers.lexicographicallyPrecedes([3, 4, 31])
      || (numbers[0] == 3 && numbers[1] == 5 && numbers[2] < 13)
  }
}
#endif

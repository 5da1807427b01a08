#if Etcd
internal import LatchkeyTesting

/// Throw-away etcd servers: one alone, or a cluster.
struct EtcdServers: ServerKind {
  let name = "etcd"
  let counts = 1...9

  func withServers<Result: Sendable>(
    count: Int,
    harmed: Bool,
    _ body: @Sendable (any ServedServers) async throws -> Result
  ) async throws -> Result {
    guard count > 1 else { return try await withEtcd { server in try await body(Served([server])) } }
    return try await withEtcdCluster(count: count, hasNetwork: harmed) { cluster in
      try await body(Served(cluster.members, cluster: cluster))
    }
  }

  private struct Served: ServedServers {
    /// How soon after its return a deposed leader takes leases away.
    private static let defectWindow: UInt64 = 5_000_000_000

    let base: String
    let servers: [EtcdServer]
    let cluster: EtcdCluster?
    let version: String?
    let framing = FaultProxy.Framing.raw
    /// Whether a leader that was deposed without knowing it revokes leases when it comes back (etcd issue 15247).
    let hasRevokeDefect: Bool

    init(_ servers: [EtcdServer], cluster: EtcdCluster? = nil) async {
      self.base = "etcd://\(servers.map(\.endpoint).joined(separator: ","))/"
      self.servers = servers
      self.cluster = cluster
      // A server that does not tell is none the worse.
      let version = try? await servers.first?.version()
      self.version = version.map { "etcd \($0)" }
      self.hasRevokeDefect = version.flatMap { ServerVersion($0) }?.revokesWhenDeposed ?? false
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

    var network: (any MemberNetwork)? { self.cluster?.network }

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
#endif

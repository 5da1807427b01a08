#if ZooKeeper
internal import LatchkeyTesting

/// Throw-away ZooKeeper servers: one alone, or an ensemble.
struct ZooKeeperServers: ServerKind {
  let name = "zookeeper"
  let counts = 1...9

  func withServers<Result: Sendable>(
    count: Int,
    _ body: @Sendable (ServedBackend) async throws -> Result
  ) async throws -> Result {
    let configuration = ZooKeeperConfiguration()
    guard count > 1 else {
      return try await withZooKeeper(configuration) { server in
        try await body(self.served(server.connectString, configuration, server))
      }
    }
    return try await withZooKeeperEnsemble(configuration, count: count) { ensemble in
      try await body(self.served(ensemble.connectString, configuration, ensemble.members.first))
    }
  }

  private func served(
    _ connectString: String,
    _ configuration: ZooKeeperConfiguration,
    _ server: ZooKeeperServer?
  ) async -> ServedBackend {
    // For reports alone: a server that does not tell is none the worse.
    let counters = try? await server?.mntr()
    let version = counters?["zk_version"]?.prefix { $0 != "-" && $0 != "," }
    return ServedBackend(
      base: "zookeeper://\(connectString)/",
      tick: configuration.tick,
      version: version.map { "ZooKeeper \($0)" }
    )
  }
}
#endif

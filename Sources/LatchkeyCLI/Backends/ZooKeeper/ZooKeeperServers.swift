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
        try await body(self.served(server.connectString, configuration))
      }
    }
    return try await withZooKeeperEnsemble(configuration, count: count) { ensemble in
      try await body(self.served(ensemble.connectString, configuration))
    }
  }

  private func served(_ connectString: String, _ configuration: ZooKeeperConfiguration) -> ServedBackend {
    ServedBackend(base: "zookeeper://\(connectString)/", tick: configuration.tick)
  }
}
#endif

#if Etcd
internal import LatchkeyTesting

/// Throw-away etcd servers: one alone, or a cluster.
struct EtcdServers: ServerKind {
  let name = "etcd"
  let counts = 1...9

  func withServers<Result: Sendable>(
    count: Int,
    _ body: @Sendable (ServedBackend) async throws -> Result
  ) async throws -> Result {
    guard count > 1 else {
      return try await withEtcd { server in try await body(self.served([server])) }
    }
    return try await withEtcdCluster(count: count) { cluster in try await body(self.served(cluster.members)) }
  }

  private func served(_ servers: [EtcdServer]) async -> ServedBackend {
    // For reports alone: a server that does not tell is none the worse.
    let version = try? await servers.first?.version()
    return ServedBackend(
      base: "etcd://\(servers.map(\.endpoint).joined(separator: ","))/",
      tick: nil,
      version: version.map { "etcd \($0)" }
    )
  }
}
#endif

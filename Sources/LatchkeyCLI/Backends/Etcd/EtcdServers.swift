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
      return try await withEtcd { server in try await body(self.served([server.endpoint])) }
    }
    return try await withEtcdCluster(count: count) { cluster in try await body(self.served(cluster.endpoints)) }
  }

  private func served(_ endpoints: [String]) -> ServedBackend {
    ServedBackend(base: "etcd://\(endpoints.joined(separator: ","))/", tick: nil)
  }
}
#endif

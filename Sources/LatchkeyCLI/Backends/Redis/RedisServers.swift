#if Redis
internal import LatchkeyTesting

/// Throw-away Redis servers: one alone, or several independent ones for Redlock.
struct RedisServers: ServerKind {
  let name = "redis"
  let counts = 1...9

  func withServers<Result: Sendable>(
    count: Int,
    _ body: @Sendable (ServedBackend) async throws -> Result
  ) async throws -> Result {
    try await withRedisServers(count: count) { servers in
      let hosts = servers.map(\.connectString).joined(separator: ",")
      return try await body(
        ServedBackend(
          base: "\(count == 1 ? "redis" : "redlock")://\(hosts)/",
          tick: nil,
          version: await self.version(of: servers.first),
          quarantine: count == 1 ? nil : RedlockBackend.quarantine
        )
      )
    }
  }

  /// For reports alone: a server that does not tell is none the worse.
  private func version(of server: RedisServer?) async -> String? {
    guard let answer = try? await server?.command("INFO", "server"), let text = answer.first ?? nil else {
      return nil
    }
    let key = "redis_version:"
    return text.split(whereSeparator: \.isNewline).first { $0.hasPrefix(key) }.map {
      "Redis \($0.dropFirst(key.count))"
    }
  }
}
#endif

#if Redis
internal import Latchkey
internal import LatchkeyRedis
internal import LatchkeyTesting

/// A majority of independent Redis servers, `redlock://` and `redlocks://`.
struct RedlockBackend: LookableBackend {
  let schemes: [LockURL.Scheme] = [.redlock, .redlocks]

  /// The TTL unless the URL or an option gives another.
  static var timeToLive: Duration { RedlockLocks.Configuration().timeToLive }

  /// How long after its start a server has no vote, at the usual TTL.
  static var quarantine: Duration { self.timeToLive + RedlockLocks.probationMargin }

  func withLocks<Result: Sendable>(
    at url: LockURL,
    tick: Duration?,
    answerTimeout: Duration?,
    _ body: @Sendable (any LockProvider) async throws -> Result
  ) async throws -> Result {
    var locking = RedlockLocks.Configuration()
    locking.label = url.label
    if let timeToLive = url.timeToLive { locking.timeToLive = timeToLive }
    return try await withConnections(to: url, tracksServer: true) { connections in
      // A minority may be down.
      _ = try await Self.served(connections) { connection throws(RedisError) in try await connection.firstAttempt() }
      let locks = try RedlockLocks(servers: connections, configuration: locking)
      return try await withCleanEnd({ await locks.releaseAll() }) { try await body(locks) }
    }
  }

  func withInspector<Result: Sendable>(
    at url: LockURL,
    _ body: @Sendable (any LockInspector) async throws -> Result
  ) async throws -> Result {
    try await withConnections(to: url) { try await body(RedlockInspector(servers: $0)) }
  }

  func check(_ url: LockURL, tick: Duration?) async throws -> [Finding] {
    try await withConnections(to: url) { connections in
      let answers = try await Self.served(connections) { connection throws(RedisError) in
        try await connection.firstAttempt()
        return try await RedisFacts(asking: connection, isOpen: url.password == nil)
      }
      // A minority may be down, which is a finding.
      let servers = zip(connections, answers).map { connection, answer in
        switch answer {
        case .success(let facts): facts
        case .failure(let error): RedisFacts(server: connection.configuration.address, failure: error.message)
        }
      }
      return RedlockJudgement(servers: servers).findings
    }
  }

  /// Asks all servers at once, so that those that are down do not delay the others.
  ///
  /// - Throws: The first failure, unless a majority answers.
  private static func served<Answer: Sendable>(
    _ connections: [RedisConnection],
    _ ask: @escaping @Sendable (RedisConnection) async throws(RedisError) -> Answer
  ) async throws -> [Result<Answer, RedisError>] {
    let answers = await withTaskGroup(of: (Int, Result<Answer, RedisError>).self) { group in
      for (place, connection) in connections.enumerated() {
        group.addTask {
          do throws(RedisError) {
            return (place, .success(try await ask(connection)))
          } catch {
            return (place, .failure(error))
          }
        }
      }
      return await group.reduce(into: []) { $0.append($1) }.sorted { $0.0 < $1.0 }.map(\.1)
    }
    try Task.checkCancellation()
    let failures = answers.compactMap { answer in if case .failure(let error) = answer { error } else { nil } }
    if failures.count * 2 >= connections.count, let failure = failures.first { throw failure }
    return answers
  }
}
#endif

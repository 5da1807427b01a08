#if Redis
internal import Latchkey
internal import LatchkeyRedis

/// A majority of independent Redis servers, `redlock://` and `redlocks://`.
struct RedlockBackend: Backend {
  let schemes: [LockURL.Scheme] = [.redlock, .redlocks]

  /// The TTL unless the URL or an option gives another.
  static var timeToLive: Duration { RedlockLocks.Configuration().timeToLive }

  /// How long after its start a server has no vote, at the usual TTL.
  static var quarantine: Duration { self.timeToLive + RedlockLocks.probationMargin }

  func withSession<Result: Sendable>(
    at url: LockURL,
    tick: Duration?,
    _ body: @Sendable (BackendSession) async throws -> Result
  ) async throws -> Result {
    var locking = RedlockLocks.Configuration()
    locking.label = url.label
    if let timeToLive = url.timeToLive { locking.timeToLive = timeToLive }
    do {
      return try await withConnections(to: url, tracksServer: true) { connections in
        // A minority may be down.
        let failures = await Self.failuresToConnect(connections)
        try Task.checkCancellation()
        if failures.count * 2 >= connections.count, let failure = failures.first { throw failure }
        let locks = try RedlockLocks(servers: connections, configuration: locking)
        return try await withCleanEnd({ await locks.releaseAll() }) {
          try await body(BackendSession(locks: locks, inspector: RedlockInspector(servers: connections)))
        }
      }
    } catch let error as RedisError {
      throw error.asFailure
    }
  }

  /// Waits for all connections at once, so that servers that are down do not delay the others.
  private static func failuresToConnect(_ connections: [RedisConnection]) async -> [RedisError] {
    await withTaskGroup(of: RedisError?.self) { group in
      for connection in connections {
        group.addTask {
          do throws(RedisError) {
            try await connection.firstAttempt()
            return nil
          } catch {
            return error
          }
        }
      }
      return await group.reduce(into: []) { failures, failure in if let failure { failures.append(failure) } }
    }
  }
}
#endif

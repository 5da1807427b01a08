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

  func withLocks<Result: Sendable>(
    at url: LockURL,
    tick: Duration?,
    _ body: @Sendable (any LockProvider) async throws -> Result
  ) async throws -> Result {
    var locking = RedlockLocks.Configuration()
    locking.label = url.label
    if let timeToLive = url.timeToLive { locking.timeToLive = timeToLive }
    do {
      return try await withConnections(to: url, tracksServer: true) { connections in
        // A minority may be down.
        var failures: [RedisError] = []
        for connection in connections {
          do throws(RedisError) {
            try await connection.waitUntilReady()
          } catch {
            failures.append(error)
          }
        }
        if failures.count * 2 >= connections.count, let failure = failures.first { throw failure }
        let locks = try RedlockLocks(servers: connections, configuration: locking)
        return try await withCleanEnd({ await locks.releaseAll() }) { try await body(locks) }
      }
    } catch let error as RedisError {
      throw error.asFailure
    }
  }
}
#endif

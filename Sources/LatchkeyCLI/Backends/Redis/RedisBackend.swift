#if Redis
internal import Latchkey
internal import LatchkeyRedis

/// One Redis server, `redis://` and `rediss://`.
struct RedisBackend: Backend {
  let schemes: [LockURL.Scheme] = [.redis, .rediss]

  func withSession<Result: Sendable>(
    at url: LockURL,
    tick: Duration?,
    _ body: @Sendable (BackendSession) async throws -> Result
  ) async throws -> Result {
    var locking = RedisLocks.Configuration()
    locking.label = url.label
    if let timeToLive = url.timeToLive { locking.timeToLive = timeToLive }
    do {
      return try await withConnections(to: url) { connections in
        try await connections[0].firstAttempt()
        let locks = try RedisLocks(executor: connections[0], configuration: locking)
        return try await withCleanEnd({ await locks.releaseAll() }) {
          try await body(BackendSession(locks: locks, inspector: RedisLockInspector(executor: connections[0])))
        }
      }
    } catch let error as RedisError {
      throw error.asFailure
    }
  }
}

/// Runs a body, and afterwards, whichever way it ended, what ends what it worked with.
func withCleanEnd<Result: Sendable>(
  _ end: () async -> Void,
  _ body: () async throws -> Result
) async throws -> Result {
  do {
    let result = try await body()
    await end()
    return result
  } catch {
    await end()
    throw error
  }
}

/// Opens a connection to each server of a URL, lends them, and closes them whichever way the body ends.
func withConnections<Result: Sendable>(
  to url: LockURL,
  tracksServer: Bool = false,
  _ body: ([RedisConnection]) async throws -> Result
) async throws -> Result {
  var connections: [RedisConnection] = []
  for host in url.hosts {
    var configuration = RedisConnection.Configuration(host: host.name, port: host.port)
    configuration.database = url.database ?? 0
    configuration.tracksServer = tracksServer
    if url.scheme.usesTLS {
      configuration.tls = RedisConnection.Configuration.TLS(
        authorityFile: url.authorityFile,
        certificateFile: url.certificateFile,
        keyFile: url.keyFile,
        serverName: host.serverName
      )
    }
    if let timeout = url.connectTimeout { configuration.connectTimeout = timeout }
    if let password = url.password {
      configuration.credential = RedisConnection.Configuration.Credential(user: url.user, password: password)
    }
    connections.append(try RedisConnection(configuration))
  }
  return try await withCleanEnd({ for connection in connections { await connection.close() } }) {
    try await body(connections)
  }
}

extension RedisError {
  /// What a failure to connect means.
  var asFailure: any Error {
    switch self.code {
    case .cancelled: CancellationError()
    case .invalidConfiguration: LockError(.invalidConfiguration, message: self.message)
    case .notAuthorized where self.trouble != nil: LockError(.notAuthorized, message: "\(self)")
    case .notAuthorized where self.message.hasPrefix("NOPERM"):
      LockError(.notAuthorized, message: "\(self.message); allow the user the command in the server's ACL")
    case .notAuthorized: ConnectFailure.notAuthorized(self.message)
    default: ConnectFailure.unreachable(self.message, self.trouble)
    }
  }
}
#endif

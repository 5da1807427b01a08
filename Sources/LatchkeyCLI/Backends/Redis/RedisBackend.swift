#if Redis
internal import Latchkey
internal import LatchkeyRedis
internal import LatchkeyTesting

/// One Redis server, `redis://` and `rediss://`.
struct RedisBackend: LookableBackend {
  let schemes: [LockURL.Scheme] = [.redis, .rediss]

  func withLocks<Result: Sendable>(
    at url: LockURL,
    tick: Duration?,
    answerTimeout: Duration?,
    _ body: @Sendable (any LockProvider) async throws -> Result
  ) async throws -> Result {
    var locking = RedisLocks.Configuration()
    locking.label = url.label
    if let answerTimeout { locking.answerTimeout = answerTimeout }
    if let timeToLive = url.timeToLive { locking.timeToLive = timeToLive }
    return try await self.withConnection(to: url) { connection in
      let locks = try RedisLocks(executor: connection, configuration: locking)
      return try await withCleanEnd({ await locks.releaseAll() }) { try await body(locks) }
    }
  }

  func withInspector<Result: Sendable>(
    at url: LockURL,
    _ body: @Sendable (any LockInspector) async throws -> Result
  ) async throws -> Result {
    try await self.withConnection(to: url) { try await body(RedisLockInspector(executor: $0)) }
  }

  func check(_ url: LockURL, tick: Duration?) async throws -> [Finding] {
    try await self.withConnection(to: url) { connection in
      RedisJudgement(facts: try await RedisFacts(asking: connection, isOpen: url.password == nil)).findings
    }
  }

  private func withConnection<Result: Sendable>(
    to url: LockURL,
    _ body: (RedisConnection) async throws -> Result
  ) async throws -> Result {
    try await withConnections(to: url) { connections in
      try await connections[0].firstAttempt()
      return try await body(connections[0])
    }
  }
}

/// Opens a connection to each server of a URL, lends them, and closes them whichever way the body ends.
func withConnections<Result: Sendable>(
  to url: LockURL,
  tracksServer: Bool = false,
  _ body: ([RedisConnection]) async throws -> Result
) async throws -> Result {
  try await ConnectFailure.explaining(\RedisError.asFailure) {
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

extension RedisFacts {
  /// Asks a server about itself.
  ///
  /// - Parameter isOpen: Whether the connection has shown no password.
  init(asking connection: RedisConnection, isOpen: Bool) async throws(RedisError) {
    self.init(server: connection.configuration.address, isOpen: isOpen)
    self.info = Self.fields(ofInfo: try await connection.send(RedisCommand("INFO")).text ?? "")
    for name in ["save", "appendfsync"] {
      do throws(RedisError) {
        let answer = try await connection.send(RedisCommand("CONFIG", "GET", name)).items
        if answer.count == 2, let value = answer[1].text { self.settings[name] = value }
      } catch {
        // Providers of Redis often keep their settings to themselves.
        guard error.code == .server || error.code == .notAuthorized else { throw error }
      }
    }
    let start = WallClock.now
    let time = try await connection.send(RedisCommand("TIME")).items.compactMap(\.text).compactMap { Int64($0) }
    let end = WallClock.now
    // The server has looked at its clock somewhere in between.
    if time.count == 2 { self.clockLead = .seconds(time[0]) + .microseconds(time[1]) - (start + end) / 2 }
  }
}

extension RedisValue {
  fileprivate var text: String? {
    if case .string(let bytes) = self { String(decoding: bytes, as: UTF8.self) } else { nil }
  }

  fileprivate var items: [RedisValue] {
    switch self {
    case .array(let items), .map(let items): items
    default: []
    }
  }
}
#endif

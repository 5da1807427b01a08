import Latchkey
import LatchkeyRedis
import Logging

/// One Redis server; a session is a connection.
struct RedisBackend: Backend {
  func withSession(_ arguments: Arguments, _ body: (any LockProvider) async throws -> Void) async throws {
    try await RedisServers.withConnections(arguments) { connections in
      var locking = RedisLocks.Configuration()
      locking.prefix = arguments.text("root", "/bench")
      try await body(RedisLocks(executor: connections[0], configuration: locking))
    }
  }
}

/// A majority of independent Redis servers; a session is a connection to each.
struct RedlockBackend: Backend {
  func withSession(_ arguments: Arguments, _ body: (any LockProvider) async throws -> Void) async throws {
    try await RedisServers.withConnections(arguments) { connections in
      var locking = RedlockLocks.Configuration()
      locking.prefix = arguments.text("root", "/bench")
      // The servers have just been started, by the driver and not by us: their first votes must not wait out a TTL.
      locking.timeToLive = .seconds(3)
      locking.largestTimeToLive = .seconds(3)
      try await body(RedlockLocks(servers: connections, configuration: locking))
    }
  }
}

private enum RedisServers {
  static func withConnections(
    _ arguments: Arguments,
    _ body: ([RedisConnection]) async throws -> Void
  ) async throws {
    var connections: [RedisConnection] = []
    for server in arguments.text("server", "127.0.0.1:6379").split(separator: ",") {
      let parts = server.split(separator: ":")
      var configuration = RedisConnection.Configuration(
        host: String(parts[0]),
        port: parts.last.flatMap { Int($0) } ?? 6379
      )
      configuration.tracksServer = true
      if let limit = Int(arguments.text("busy", "")) { configuration.busyPolling = .microseconds(limit) }
      configuration.logger = Logger(label: "benchmark") { _ in SwiftLogNoOpLogHandler() }
      connections.append(try await RedisConnection.connect(configuration))
    }
    do {
      try await withTaskExecutorPreference(arguments.runsOnLoop ? connections[0].taskExecutor : nil) {
        try await body(connections)
      }
    } catch {
      for connection in connections { await connection.close() }
      throw error
    }
    for connection in connections { await connection.close() }
  }
}

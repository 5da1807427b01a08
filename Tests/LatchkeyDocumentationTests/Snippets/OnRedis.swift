import Latchkey
import LatchkeyRedis

// The code of the articles *Locks on Redis* and *Redlock*.

enum OnRedis {
  static func configured(host: String, port: Int, password: String) async throws -> FencingToken? {
    // snippet: redis configuration
    var server = RedisConnection.Configuration(host: host, port: port)
    server.credential = RedisConnection.Configuration.Credential(password: password)
    server.commandTimeout = .seconds(2)
    let connection = try await RedisConnection.connect(server)

    var settings = RedisLocks.Configuration()
    settings.timeToLive = .seconds(10)  // after a crash, others wait so long
    settings.longestHold = .seconds(300)  // a holder that is stuck is out after five minutes
    settings.prefix = "locks:"
    let locks = try RedisLocks(executor: connection, configuration: settings)
    // end
    // snippet: redis lock
    let token = try await locks.lock("orders/42").withLock(within: .seconds(5)) { held, token in
      try held.ensureHeld()
      return token
    }
    await connection.close()
    // end
    return token
  }

  static func redlock(_ servers: [(host: String, port: Int)]) async throws -> Bool {
    // snippet: redlock
    var connections: [RedisConnection] = []
    for server in servers {
      var configuration = RedisConnection.Configuration(host: server.host, port: server.port)
      configuration.tracksServer = true  // notices that a server was started again
      connections.append(try RedisConnection(configuration))
    }
    var settings = RedlockLocks.Configuration()
    settings.timeToLive = .seconds(10)
    settings.largestTimeToLive = .seconds(30)  // of all clients that use these servers
    let locks = try RedlockLocks(servers: connections, configuration: settings)

    let wasAlone = try await locks.lock("orders/42").withLock(within: .seconds(5)) { held in
      held.isHeld && held.token == nil
    }
    await locks.releaseAll()  // also where a server has been too slow to answer yet
    for connection in connections { await connection.close() }
    // end
    return wasAlone
  }
}

/// Runs a body with a throw-away Redis server, which is stopped whichever way the body ends.
///
/// - Parameters:
///   - configuration: How it is set up.
///   - isolation: The actor to stay on; leave it out.
///   - body: What to do with the server.
/// - Returns: What the body returned.
/// - Throws: ``ServerError`` when the server cannot be started; what the body throws.
public func withRedis<R>(
  _ configuration: RedisConfiguration = .init(),
  isolation: isolated (any Actor)? = #isolation,
  _ body: (RedisServer) async throws -> sending R
) async throws -> sending R {
  let server = try await RedisServer.start(configuration)
  do {
    let result = try await body(server)
    await server.stop()
    return result
  } catch {
    await server.stop()
    throw error
  }
}

/// Runs a body with several throw-away Redis servers that know nothing of each other, as Redlock wants them.
///
/// - Parameters:
///   - configuration: How each of them is set up.
///   - count: How many.
///   - isolation: The actor to stay on; leave it out.
///   - body: What to do with the servers.
/// - Returns: What the body returned.
/// - Throws: ``ServerError`` when one of them cannot be started; what the body throws.
public func withRedisServers<R>(
  _ configuration: RedisConfiguration = .init(),
  count: Int = 5,
  isolation: isolated (any Actor)? = #isolation,
  _ body: ([RedisServer]) async throws -> sending R
) async throws -> sending R {
  var servers: [RedisServer] = []
  do {
    for _ in 0..<count { servers.append(try await RedisServer.start(configuration)) }
    let result = try await body(servers)
    for server in servers { await server.stop() }
    return result
  } catch {
    for server in servers { await server.stop() }
    throw error
  }
}

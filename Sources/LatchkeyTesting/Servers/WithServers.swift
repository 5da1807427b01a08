/// Runs a body, and afterwards, whichever way it ended, what ends what it worked with.
///
/// - Throws: What the body throws.
package func withCleanEnd<R>(
  _ end: () async -> Void,
  isolation: isolated (any Actor)? = #isolation,
  _ body: () async throws -> sending R
) async throws -> sending R {
  do {
    let result = try await body()
    await end()
    return result
  } catch {
    await end()
    throw error
  }
}

/// Runs a body with a throw-away ZooKeeper server, which is stopped whichever way the body ends.
///
/// - Throws: ``ServerError`` when the server cannot be started; what the body throws.
public func withZooKeeper<R>(
  _ configuration: ZooKeeperConfiguration = .init(),
  isolation: isolated (any Actor)? = #isolation,
  _ body: (ZooKeeperServer) async throws -> sending R
) async throws -> sending R {
  let server = try await ZooKeeperServer.start(configuration)
  return try await withCleanEnd({ await server.stop() }) { try await body(server) }
}

/// Runs a body with a throw-away ZooKeeper ensemble, which is stopped whichever way the body ends.
///
/// - Throws: ``ServerError`` when the ensemble cannot be started; what the body throws.
public func withZooKeeperEnsemble<R>(
  _ configuration: ZooKeeperConfiguration = .init(),
  count: Int = 3,
  hasNetwork: Bool = false,
  isolation: isolated (any Actor)? = #isolation,
  _ body: (ZooKeeperEnsemble) async throws -> sending R
) async throws -> sending R {
  let ensemble = try await ZooKeeperEnsemble.start(configuration, count: count, hasNetwork: hasNetwork)
  return try await withCleanEnd({ await ensemble.stop() }) { try await body(ensemble) }
}

/// Runs a body with a throw-away Redis server, which is stopped whichever way the body ends.
///
/// - Throws: ``ServerError`` when the server cannot be started; what the body throws.
public func withRedis<R>(
  _ configuration: RedisConfiguration = .init(),
  isolation: isolated (any Actor)? = #isolation,
  _ body: (RedisServer) async throws -> sending R
) async throws -> sending R {
  let server = try await RedisServer.start(configuration)
  return try await withCleanEnd({ await server.stop() }) { try await body(server) }
}

/// Runs a body with several throw-away Redis servers that know nothing of each other, as Redlock wants them.
///
/// - Throws: ``ServerError`` when one of them cannot be started; what the body throws.
public func withRedisServers<R>(
  _ configuration: RedisConfiguration = .init(),
  count: Int = 5,
  isolation: isolated (any Actor)? = #isolation,
  _ body: ([RedisServer]) async throws -> sending R
) async throws -> sending R {
  var servers: [RedisServer] = []
  return try await withCleanEnd({ for server in servers { await server.stop() } }) {
    for _ in 0..<count { servers.append(try await RedisServer.start(configuration)) }
    return try await body(servers)
  }
}

/// Runs a body with a throw-away etcd server, which is stopped whichever way the body ends.
///
/// - Throws: ``ServerError`` when the server cannot be started; what the body throws.
public func withEtcd<R>(
  _ configuration: EtcdConfiguration = .init(),
  isolation: isolated (any Actor)? = #isolation,
  _ body: (EtcdServer) async throws -> sending R
) async throws -> sending R {
  let server = try await EtcdServer.start(configuration)
  return try await withCleanEnd({ await server.stop() }) { try await body(server) }
}

/// Runs a body with a throw-away etcd cluster, which is stopped whichever way the body ends.
///
/// - Throws: ``ServerError`` when the cluster cannot be started; what the body throws.
public func withEtcdCluster<R>(
  _ configuration: EtcdConfiguration = .init(),
  count: Int = 3,
  hasNetwork: Bool = false,
  isolation: isolated (any Actor)? = #isolation,
  _ body: (EtcdCluster) async throws -> sending R
) async throws -> sending R {
  let cluster = try await EtcdCluster.start(configuration, count: count, hasNetwork: hasNetwork)
  return try await withCleanEnd({ await cluster.stop() }) { try await body(cluster) }
}

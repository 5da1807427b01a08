/// Runs a body with a throw-away etcd server, which is stopped whichever way the body ends.
///
/// - Throws: ``ServerError`` when the server cannot be started; what the body throws.
public func withEtcd<R>(
  _ configuration: EtcdConfiguration = .init(),
  isolation: isolated (any Actor)? = #isolation,
  _ body: (EtcdServer) async throws -> sending R
) async throws -> sending R {
  let server = try await EtcdServer.start(configuration)
  do {
    let result = try await body(server)
    await server.stop()
    return result
  } catch {
    await server.stop()
    throw error
  }
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
  do {
    let result = try await body(cluster)
    await cluster.stop()
    return result
  } catch {
    await cluster.stop()
    throw error
  }
}

/// Runs a body with a throw-away ZooKeeper server, which is stopped whichever way the body ends.
///
/// - Throws: ``ServerError`` when the server cannot be started; what the body throws.
public func withZooKeeper<R>(
  _ configuration: ZooKeeperConfiguration = .init(),
  isolation: isolated (any Actor)? = #isolation,
  _ body: (ZooKeeperServer) async throws -> sending R
) async throws -> sending R {
  let server = try await ZooKeeperServer.start(configuration)
  do {
    let result = try await body(server)
    await server.stop()
    return result
  } catch {
    await server.stop()
    throw error
  }
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
  do {
    let result = try await body(ensemble)
    await ensemble.stop()
    return result
  } catch {
    await ensemble.stop()
    throw error
  }
}

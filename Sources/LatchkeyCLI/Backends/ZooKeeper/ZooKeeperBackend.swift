#if ZooKeeper
internal import Latchkey
internal import LatchkeyZooKeeper
internal import Logging
internal import ZooKeeper

/// An ensemble of ZooKeeper servers, `zookeeper://`.
struct ZooKeeperBackend: Backend {
  let schemes: [LockURL.Scheme] = [.zookeeper]

  func withSession<Result: Sendable>(
    at url: LockURL,
    tick: Duration?,
    _ body: @Sendable (BackendSession) async throws -> Result
  ) async throws -> Result {
    var locking = ZooKeeperLocks.Configuration()
    locking.label = url.label
    do {
      return try await ZooKeeperClient.withClient(self.configuration(of: url, tick: tick)) { client in
        let locks = ZooKeeperLocks(client: client, configuration: locking)
        return try await body(BackendSession(locks: locks, inspector: ZooKeeperLockInspector(client: client)))
      }
    } catch let error as ZooKeeperError {
      throw Self.failure(error)
    }
  }

  func configuration(of url: LockURL, tick: Duration?) -> ZooKeeperClient.Configuration {
    var configuration = ZooKeeperClient.Configuration(servers: url.hosts.map(\.description), chroot: url.chroot ?? "")
    if let timeout = url.timeToLive { configuration.sessionTimeout = timeout }
    if let timeout = url.connectTimeout { configuration.connectTimeout = timeout }
    if let tick { configuration.tick = tick }
    if let password = url.password {
      configuration.credentials = [.digest(user: url.user ?? "", password: password)]
    }
    return configuration
  }

  /// What a failure to connect means.
  static func failure(_ error: ZooKeeperError) -> any Error {
    let what = error.detail ?? error.description
    return switch error.code {
    case .cancelled: CancellationError()
    case .invalidConfiguration, .notSupported: LockError(.invalidConfiguration, message: what)
    case .authFailed, .noAuth: ConnectFailure.notAuthorized(what)
    case .noNode: LockError(.invalidConfiguration, message: "\(what); make the chroot's node first, or correct the URL")
    default: ConnectFailure.unreachable(what)
    }
  }
}
#endif

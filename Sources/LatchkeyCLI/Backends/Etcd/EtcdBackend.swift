#if Etcd
internal import Latchkey
internal import LatchkeyEtcd

/// An etcd cluster, `etcd://` and `etcds://`.
struct EtcdBackend: Backend {
  let schemes: [LockURL.Scheme] = [.etcd, .etcds]

  func withSession<Result: Sendable>(
    at url: LockURL,
    tick: Duration?,
    _ body: @Sendable (BackendSession) async throws -> Result
  ) async throws -> Result {
    var locking = EtcdLocks.Configuration()
    locking.label = url.label
    do {
      let configuration = self.configuration(of: url)
      let inspector = try EtcdLockInspector(configuration)
      defer { inspector.close() }
      return try await EtcdClient.withClient(configuration) { client in
        let locks = EtcdLocks(client: client, configuration: locking)
        return try await body(BackendSession(locks: locks, inspector: inspector))
      }
    } catch let error as EtcdError {
      throw Self.failure(error)
    }
  }

  func configuration(of url: LockURL) -> EtcdClient.Configuration {
    var configuration = EtcdClient.Configuration(endpoints: url.hosts.map(\.description))
    if let time = url.timeToLive { configuration.sessionTimeout = time }
    if let timeout = url.connectTimeout { configuration.connectTimeout = timeout }
    if url.scheme.usesTLS {
      configuration.tls = EtcdClient.Configuration.TLS(
        authorityFile: url.authorityFile,
        certificateFile: url.certificateFile,
        keyFile: url.keyFile
      )
      for host in url.hosts { configuration.tls?.serverNames[host.description] = host.serverName }
    }
    if let user = url.user {
      configuration.credentials = EtcdClient.Configuration.Credentials(user: user, password: url.password ?? "")
    }
    return configuration
  }

  /// What a failure to connect means.
  static func failure(_ error: EtcdError) -> any Error {
    switch error.code {
    case .cancelled: CancellationError()
    case .invalidConfiguration: LockError(.invalidConfiguration, message: error.message)
    case .notAuthorized: ConnectFailure.notAuthorized(error.message)
    case .refused where error.isTransient: LockError(.unreachable, message: error.message)
    case .refused: LockError(.backendFailure, message: error.message)
    default: ConnectFailure.unreachable(error.message, error.trouble)
    }
  }
}
#endif

#if Etcd
internal import Latchkey
internal import LatchkeyEtcd

/// An etcd cluster, `etcd://` and `etcds://`.
struct EtcdBackend: Backend {
  let schemes: [LockURL.Scheme] = [.etcd, .etcds]

  func withLocks<Result: Sendable>(
    at url: LockURL,
    tick: Duration?,
    _ body: @Sendable (any LockProvider) async throws -> Result
  ) async throws -> Result {
    var locking = EtcdLocks.Configuration()
    locking.label = url.label
    do {
      return try await EtcdClient.withClient(self.configuration(of: url)) { client in
        try await body(EtcdLocks(client: client, configuration: locking))
      }
    } catch let error as EtcdError {
      throw Self.failure(error)
    }
  }

  func configuration(of url: LockURL) -> EtcdClient.Configuration {
    var configuration = EtcdClient.Configuration(endpoints: url.hosts.map(\.description))
    if let time = url.timeToLive { configuration.sessionTimeout = time }
    if let timeout = url.connectTimeout { configuration.connectTimeout = timeout }
    if url.scheme == .etcds { configuration.tls = EtcdClient.Configuration.TLS() }
    if let user = url.user {
      configuration.credentials = EtcdClient.Configuration.Credentials(user: user, password: url.password ?? "")
    }
    return configuration
  }

  /// What a failure to connect means, in the words that all backends share.
  static func failure(_ error: EtcdError) -> any Error {
    switch error.code {
    case .cancelled: CancellationError()
    case .invalidConfiguration: LockError(.invalidConfiguration, message: error.message)
    case .notAuthorized: LockError(.notAuthorized, message: "\(error.message); check user, password and role")
    case .refused: LockError(.backendFailure, message: error.message)
    default: LockError(.unreachable, message: "\(error.message); check the addresses, and that the servers run")
    }
  }
}
#endif

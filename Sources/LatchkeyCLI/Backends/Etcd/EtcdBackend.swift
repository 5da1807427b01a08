#if Etcd
internal import Latchkey
internal import LatchkeyEtcd

/// An etcd cluster, `etcd://` and `etcds://`.
struct EtcdBackend: LookableBackend {
  let schemes: [LockURL.Scheme] = [.etcd, .etcds]

  func withLocks<Result: Sendable>(
    at url: LockURL,
    tick: Duration?,
    answerTimeout: Duration?,
    _ body: @Sendable (any LockProvider) async throws -> Result
  ) async throws -> Result {
    var locking = EtcdLocks.Configuration()
    locking.label = url.label
    if let answerTimeout { locking.answerTimeout = answerTimeout }
    return try await ConnectFailure.explaining(Self.failure) {
      try await EtcdClient.withClient(self.configuration(of: url)) { client in
        try await body(EtcdLocks(client: client, configuration: locking))
      }
    }
  }

  func withInspector<Result: Sendable>(
    at url: LockURL,
    _ body: @Sendable (any LockInspector) async throws -> Result
  ) async throws -> Result {
    try await ConnectFailure.explaining(Self.failure) {
      let inspector = try EtcdLockInspector(self.configuration(of: url))
      defer { inspector.close() }
      return try await body(inspector)
    }
  }

  func check(_ url: LockURL, tick: Duration?) async throws -> [Finding] {
    try await ConnectFailure.explaining(Self.failure) {
      EtcdJudgement(state: try await EtcdSurvey(asking: self.configuration(of: url))).findings
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

#if ZooKeeper
internal import Latchkey
internal import LatchkeyTesting
internal import LatchkeyZooKeeper
internal import ZooKeeper

/// An ensemble of ZooKeeper servers, `zookeeper://`.
struct ZooKeeperBackend: LookableBackend {
  let schemes: [LockURL.Scheme] = [.zookeeper]

  func withLocks<Result: Sendable>(
    at url: LockURL,
    tick: Duration?,
    answerTimeout: Duration?,
    _ body: @Sendable (any LockProvider) async throws -> Result
  ) async throws -> Result {
    var locking = ZooKeeperLocks.Configuration()
    locking.label = url.label
    if let answerTimeout { locking.answerTimeout = answerTimeout }
    return try await self.withClient(self.configuration(of: url, tick: tick)) { [locking] client in
      try await body(ZooKeeperLocks(client: client, configuration: locking))
    }
  }

  func withInspector<Result: Sendable>(
    at url: LockURL,
    _ body: @Sendable (any LockInspector) async throws -> Result
  ) async throws -> Result {
    try await self.withClient(self.configuration(of: url, tick: nil)) { client in
      try await body(ZooKeeperLockInspector(client: client))
    }
  }

  func check(_ url: LockURL, tick: Duration?) async throws -> [Finding] {
    var configuration = self.configuration(of: url, tick: tick)
    // The findings say more about servers that are no ensemble than a refusal does.
    configuration.allowsStandaloneServers = true
    // One session, for what only a client learns: the timeout that it is granted.
    let timeout = try await self.withClient(configuration) { client in
      try await client.waitForSession(within: nil).timeout
    }
    let limit = configuration.connectTimeout
    let servers = await withTaskGroup(of: (Int, ZooKeeperServerFacts).self) { group in
      for (place, host) in url.hosts.enumerated() {
        group.addTask { (place, await Self.facts(of: host, within: limit)) }
      }
      return await group.reduce(into: []) { $0.append($1) }.sorted { $0.0 < $1.0 }.map(\.1)
    }
    try Task.checkCancellation()
    let facts = ZooKeeperFacts(
      servers: servers,
      askedTimeout: configuration.sessionTimeout,
      sessionTimeout: timeout,
      clientTick: configuration.tick
    )
    return ZooKeeperJudgement(facts: facts).findings
  }

  private func withClient<Result: Sendable>(
    _ configuration: ZooKeeperClient.Configuration,
    _ body: @Sendable (ZooKeeperClient) async throws -> Result
  ) async throws -> Result {
    try await ConnectFailure.explaining(Self.failure) {
      try await ZooKeeperClient.withClient(configuration) { try await body($0) }
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

  /// Asks one server what it lets everybody ask.
  private static func facts(of host: LockURL.Host, within limit: Duration) async -> ZooKeeperServerFacts {
    var facts = ZooKeeperServerFacts(server: host.description)
    do throws(ServerError) {
      func ask(_ word: String) async throws(ServerError) -> String {
        String(
          decoding: try await exchange(Array(word.utf8), host: host.name, port: host.port, within: limit),
          as: UTF8.self
        )
      }
      facts.read(srvr: try await ask("srvr"))
      facts.read(isro: try await ask("isro"))
      facts.read(conf: try await ask("conf"))
    } catch {
      // What a refusal is called inside the network library is of no use to anybody.
      facts.failure = error.code == .noAnswer ? "its port is closed or silent" : error.description
    }
    return facts
  }
}
#endif

internal import Latchkey
internal import LatchkeyNetwork

/// The backends that this command was built with.
enum Backends {
  static let all: [any Backend] = [LocalBackend()] + zooKeeper + redis + etcd

  static let servers: [any ServerKind] = zooKeeperServers + redisServers + etcdServers

  #if ZooKeeper
  private static let zooKeeper: [any Backend] = [ZooKeeperBackend()]
  private static let zooKeeperServers: [any ServerKind] = [ZooKeeperServers()]
  #else
  private static let zooKeeper: [any Backend] = []
  private static let zooKeeperServers: [any ServerKind] = []
  #endif

  #if Redis
  private static let redis: [any Backend] = [RedisBackend(), RedlockBackend()]
  private static let redisServers: [any ServerKind] = [RedisServers()]
  #else
  private static let redis: [any Backend] = []
  private static let redisServers: [any ServerKind] = []
  #endif

  #if Etcd
  private static let etcd: [any Backend] = [EtcdBackend()]
  private static let etcdServers: [any ServerKind] = [EtcdServers()]
  #else
  private static let etcd: [any Backend] = []
  private static let etcdServers: [any ServerKind] = []
  #endif

  /// The backend of a URL.
  static func backend(for url: LockURL) throws(CommandFailure) -> any Backend {
    if let problem = DescriptorLimit.problem(for: url) { throw CommandFailure(.unreachable, problem) }
    if let backend = self.all.first(where: { $0.schemes.contains(url.scheme) }) { return backend }
    let known = self.all.flatMap(\.schemes).map(\.rawValue).joined(separator: ", ")
    throw CommandFailure(.usage, "this command has no \(url.scheme.rawValue) backend; it has: \(known)")
  }

  /// Reads `NAME` or `NAME:n`.
  static func servers(_ text: String) throws(CommandFailure) -> (kind: any ServerKind, count: Int) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let kind = self.servers.first(where: { $0.name == parts[0] }) else {
      let known = self.servers.map(\.name)
      let advice =
        known.isEmpty ? "this command was built without servers" : "write one of: \(known.joined(separator: ", "))"
      throw CommandFailure(.usage, "--serve \(text): no such servers; \(advice)")
    }
    guard let count = parts.count == 1 ? kind.counts.lowerBound : Int(parts[1]), kind.counts.contains(count) else {
      let range = "from \(kind.counts.lowerBound) to \(kind.counts.upperBound)"
      throw CommandFailure(.usage, "--serve \(text): write a number of servers \(range), as in \(kind.name):3")
    }
    guard count != 2 else {
      let names = "\(kind.name), \(kind.name):3 or \(kind.name):5"
      throw CommandFailure(.usage, "--serve \(text): two servers survive no failure; write \(names)")
    }
    return (kind, count)
  }

  /// The backend of a URL, if there is something to see from outside.
  static func lookable(for url: LockURL) throws(CommandFailure) -> any LookableBackend {
    if let backend = try self.backend(for: url) as? any LookableBackend { return backend }
    throw CommandFailure(
      .usage,
      "\(url.scheme.rawValue): locks live in one process, so nobody sees them from outside; "
        + "use the URL of a server, such as \(LockURL.Scheme.zookeeper.example)"
    )
  }
}

/// The in-process locks, `local:` and `channel:`.
struct LocalBackend: Backend {
  let schemes: [LockURL.Scheme] = [.local, .channel]

  func withLocks<Result: Sendable>(
    at url: LockURL,
    tick: Duration?,
    answerTimeout: Duration?,
    _ body: @Sendable (any LockProvider) async throws -> Result
  ) async throws -> Result {
    try await body(url.scheme == .channel ? Channels() : LocalLocks.shared)
  }

  private struct Channels: LockProvider {
    func lock(_ name: LockName) -> ChannelTryLock { LocalLocks.shared.channel(name) }
  }
}

/// What a client's failure to connect means, in words that all backends share: what happened and then, once, what to do about it.
enum ConnectFailure {
  /// Does something with a client, whose errors are thrown as what they mean.
  static func explaining<ClientError: Error, Result>(
    _ meaning: (ClientError) -> any Error,
    _ body: () async throws -> Result
  ) async throws -> Result {
    do {
      return try await body()
    } catch let error as ClientError {
      throw meaning(error)
    }
  }

  /// No server could be reached, or none that both ends agree with.
  ///
  /// - Parameters:
  ///   - what: What happened.
  ///   - trouble: What keeps the two ends from a connection, if that is known.
  static func unreachable(_ what: String, _ trouble: ConnectFailureReason? = nil) -> LockError {
    LockError(.unreachable, message: self.join(what, self.remedy(trouble ?? .unreachable)))
  }

  /// The server refuses the user.
  static func notAuthorized(_ what: String) -> LockError {
    LockError(.notAuthorized, message: self.join(what, "check user and password (LATCHKEY_PASSWORD, --password-file)"))
  }

  /// As ``ConnectFailureReason/advice``, in terms of what this command calls things.
  private static func remedy(_ trouble: ConnectFailureReason) -> String {
    switch trouble {
    case .unreachable: "check the addresses, and that the servers run"
    case .serverNotTrusted: "name the file of the authority that signed it with --ca-file"
    case .serverNamedOtherwise:
      "write a name or an address in the URL that stands in it, or give the name with --server-name"
    case .clientNotAccepted: "give one that it accepts with --cert-file and --key-file"
    case .serverWithoutTLS: "write its TLS port, or a URL without TLS (redis, redlock, etcd)"
    case .speaksOtherwise(.tls): "write rediss, redlocks or etcds"
    case .speaksOtherwise: "check host and port: another kind of server listens there"
    case .turnedAway, .serverTooOld: trouble.advice
    case .hungUp(encrypted: false):
      "check the addresses, or write rediss, redlocks or etcds if it speaks TLS on this port"
    case .hungUp(encrypted: true):
      "check the addresses, or give a certificate with --cert-file and --key-file if it asks for one"
    }
  }

  private static func join(_ what: String, _ remedy: String) -> String {
    "\(what.last == "." ? what.dropLast() : what[...]); \(remedy)"
  }
}

internal import Latchkey

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
}

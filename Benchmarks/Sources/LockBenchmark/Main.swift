import Latchkey
import LatchkeyEtcd
import LatchkeyZooKeeper
import Logging
import ZooKeeper

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// One workload on ZooKeeper, or on etcd (a peer whose name begins so), through the public API, as a program of the peer
/// comparison.
///
/// A: one worker, one lock, `n` pairs. B: 16 workers, one lock, for `secs`. C: 64 workers, 1000 locks at random, for `secs`.
/// D: tries on a lock that another session holds. E: `waiters` tasks queue behind a holder; the holder releases; until each
/// has held the lock once.
@main
struct Main {
  static func main() async throws {
    guard let arguments = Arguments(CommandLine.arguments) else {
      print("usage: LockBenchmark PEER A|B|C|D|E server=HOST:PORT root=/bench sessions=shared|each …")
      exit(64)
    }
    // Off the main actor, like the code of a service.
    try await Task.detached { try await Self.run(arguments) }.value
  }

  private static func configuration(_ arguments: Arguments) -> ZooKeeperClient.Configuration {
    var configuration = ZooKeeperClient.Configuration(connectString: arguments.text("server", "127.0.0.1:2181"))
    configuration.sessionTimeout = .seconds(30)
    configuration.logger = Logger(label: "benchmark") { _ in SwiftLogNoOpLogHandler() }
    return configuration
  }

  private static func run(_ arguments: Arguments) async throws {
    let workers =
      switch arguments.workload {
      case "B": arguments.number("workers", 16)
      case "C": arguments.number("workers", 64)
      case "E": arguments.number("waiters", 1000)
      default: 1
      }
    let sessions = arguments.text("sessions", "shared") == "each" ? workers : 1
    let extra = arguments.workload == "D" ? 1 : 0
    if arguments.peer.hasPrefix("etcd") {
      return try await Self.withEtcdClients(sessions + extra, Self.etcdConfiguration(arguments), []) { clients in
        var configuration = EtcdLocks.Configuration()
        configuration.prefix = arguments.text("root", "/bench") + "/"
        let locks = clients.map { EtcdLocks(client: $0, configuration: configuration) }
        try await Workloads(arguments: arguments, locks: locks, workers: workers).run()
      }
    }
    try await Self.withSessions(sessions + extra, Self.configuration(arguments), []) { sessions in
      var configuration = ZooKeeperLocks.Configuration()
      configuration.root = arguments.text("root", "/bench")
      let locks = sessions.map { ZooKeeperLocks(client: $0, configuration: configuration) }
      try await Workloads(arguments: arguments, locks: locks, workers: workers).run()
    }
  }

  private static func etcdConfiguration(_ arguments: Arguments) -> EtcdClient.Configuration {
    let servers = arguments.text("server", "127.0.0.1:2379").split(separator: ",").map(String.init)
    var configuration = EtcdClient.Configuration(endpoints: servers)
    configuration.sessionTimeout = .seconds(60)
    configuration.logger = Logger(label: "benchmark") { _ in SwiftLogNoOpLogHandler() }
    return configuration
  }

  private static func withEtcdClients(
    _ count: Int,
    _ configuration: EtcdClient.Configuration,
    _ open: [EtcdClient],
    _ body: ([EtcdClient]) async throws -> Void
  ) async throws {
    if open.count == count { return try await body(open) }
    try await EtcdClient.withClient(configuration) { client in
      try await Self.withEtcdClients(count, configuration, open + [client], body)
    }
  }

  private static func withSessions(
    _ count: Int,
    _ configuration: ZooKeeperClient.Configuration,
    _ open: [ZooKeeperClient],
    _ body: ([ZooKeeperClient]) async throws -> Void
  ) async throws {
    if open.count == count { return try await body(open) }
    try await ZooKeeperClient.withClient(configuration) { client in
      try await Self.withSessions(count, configuration, open + [client], body)
    }
  }
}

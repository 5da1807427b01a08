import Latchkey
import LatchkeyZooKeeper
import Logging
import ZooKeeper

/// ZooKeeper, below the directory of `root=`.
struct ZooKeeperBackend: Backend {
  func withSession(_ arguments: Arguments, _ body: (any LockProvider) async throws -> Void) async throws {
    var configuration = ZooKeeperClient.Configuration(connectString: arguments.text("server", "127.0.0.1:2181"))
    configuration.sessionTimeout = .seconds(30)
    configuration.logger = Logger(label: "benchmark") { _ in SwiftLogNoOpLogHandler() }
    var locking = ZooKeeperLocks.Configuration()
    locking.root = arguments.text("root", "/bench")
    try await ZooKeeperClient.withClient(configuration) { client in
      try await body(ZooKeeperLocks(client: client, configuration: locking))
    }
  }
}

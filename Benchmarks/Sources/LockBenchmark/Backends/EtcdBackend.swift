import Latchkey
import LatchkeyEtcd
import Logging

/// etcd, below the prefix of `root=`.
struct EtcdBackend: Backend {
  func withSession(_ arguments: Arguments, _ body: (any LockProvider) async throws -> Void) async throws {
    let servers = arguments.text("server", "127.0.0.1:2379").split(separator: ",").map(String.init)
    var configuration = EtcdClient.Configuration(endpoints: servers)
    configuration.sessionTimeout = .seconds(60)
    configuration.logger = Logger(label: "benchmark") { _ in SwiftLogNoOpLogHandler() }
    var locking = EtcdLocks.Configuration()
    locking.prefix = arguments.text("root", "/bench") + "/"
    try await EtcdClient.withClient(configuration) { client in
      try await withTaskExecutorPreference(arguments.runsOnLoop ? client.taskExecutor : nil) {
        try await body(EtcdLocks(client: client, configuration: locking))
      }
    }
  }
}

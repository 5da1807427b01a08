import Configuration
import CoreMetrics
import Latchkey
import LatchkeyConfiguration
import LatchkeyZooKeeper
import Logging
import ServiceLifecycle
import UnixSignals
import ZooKeeper

/// Numbers invoices in a ledger that several instances share. Settings: see `Settings` and `Examples/README.md`.
@main
struct Main {
  static func main() async throws {
    // What is logged under the lock says which lock, and with which token.
    LoggingSystem.bootstrap(
      { label, provider in StreamLogHandler.standardError(label: label, metadataProvider: provider) },
      metadataProvider: .heldLock
    )
    let metrics = TextMetrics()
    MetricsSystem.bootstrap(metrics)

    let config = try await Settings.reader()
    let settings = try Settings(config)
    let logger = Logger(label: settings.instance)
    var connection = try ZooKeeperClient.Configuration(config: config.scoped(to: "zookeeper"))
    connection.logger = logger
    let client = try ZooKeeperClient(connection)
    let locks = ZooKeeperLocks(
      client: client,
      configuration: try ZooKeeperLocks.Configuration(config: config.scoped(to: "locks"))
    )
    let clerk = Clerk(
      lock: locks.lock("invoices"),
      ledger: Ledger(path: settings.ledger),
      settings: settings,
      logger: logger
    )
    // A group shuts down in reverse order: the clerk first, which gives the lock back while there still is a session.
    let group = ServiceGroup(
      services: [MetricsServer(metrics, host: settings.host, port: settings.port, logger: logger), client, clerk],
      gracefulShutdownSignals: [.sigterm, .sigint],
      logger: logger
    )
    try await group.run()
  }
}

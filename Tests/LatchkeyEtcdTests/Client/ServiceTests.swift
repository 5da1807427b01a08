#if Etcd
import Latchkey
import LatchkeyEtcd
import LatchkeyTesting
import Logging
import ServiceLifecycle
import Testing

@Suite("The etcd client as a service", .serialized, .timeLimit(.minutes(2)))
struct ServiceTests {
  private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  @Test("a graceful shutdown releases what is held, and tells the holder")
  func shutdown() async throws {
    let servers = try await TestServers.shared.value
    let name = try uniqueName()
    var configuration = EtcdClient.Configuration(endpoints: servers.endpoints)
    // Far longer than the waiter below waits: what it gets was released, not forgotten.
    configuration.sessionTimeout = .seconds(60)
    configuration.logger = self.logger
    let client = try EtcdClient(configuration)
    let group = ServiceGroup(services: [client], logger: self.logger)
    let running = Task { try await group.run() }
    let locks = EtcdLocks(client: client)
    let lease = try await locks.lock(name).acquire(within: .seconds(10))
    let held = lease.held
    try await TestClient.with(servers) { other in
      await group.triggerGracefulShutdown()
      try await running.value
      #expect(!held.isHeld)
      #expect(await held.lost?.code == .lockLost)
      try await other.lock(name).acquire(within: .seconds(5)).release()
    }
    await lease.releaseQuietly()
  }
}
#endif

import InMemoryLogging
import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import LatchkeyZooKeeper
import Logging
import ServiceLifecycle
import Testing
import ZooKeeper

@Suite("The ZooKeeper client as a service", .serialized, .timeLimit(.minutes(2)))
struct ServiceServerTests {
  private let logger = Logger.quiet

  @Test("a graceful shutdown releases what is held, tells the holder, and says so in the log")
  func shutdown() async throws {
    let servers = try await TestServers.shared.value
    let name = try uniqueName()
    let lines = InMemoryLogHandler()
    var configuration = ZooKeeperClient.Configuration(servers: servers.members.map(\.connectString))
    configuration.tick = TestServers.tick
    // Far longer than the waiter below waits: what it gets was released, not forgotten.
    configuration.sessionTimeout = .seconds(30)
    configuration.logger = Logger(label: "test") { _ in lines }
    let client = try ZooKeeperClient(configuration)
    let group = ServiceGroup(services: [client], logger: self.logger)
    let running = Task { try await group.run() }
    let lease = try await ZooKeeperLocks(client: client).lock(name).acquire(within: .seconds(10))
    let held = lease.held
    try await TestClient.with(servers) { other in
      await group.triggerGracefulShutdown()
      try await running.value
      #expect(!held.isHeld)
      #expect(await held.lost?.code == .lockLost)
      try await other.lock(name).acquire(within: .seconds(5)).release()
    }
    let warning = try #require(lines.entries.first { $0.level == .warning })
    #expect(warning.message == "the lock was lost while it was held")
    #expect(warning.metadata["lock.name"] == "\(name)")
    #expect(warning.metadata["lock.backend"] == "zookeeper")
    #expect(warning.metadata["lock.token"] == "\(try #require(held.token))")
    await lease.releaseQuietly()
  }

  @Test("a shutdown while the client still connects ends it at once, without an error")
  func shutdownWhileConnecting() async throws {
    let servers = try await TestServers.shared.value
    let proxy = try await FaultProxy.start(to: .init(port: servers.members[0].port))
    await proxy.hold()
    var configuration = ZooKeeperClient.Configuration(servers: [proxy.connectString])
    configuration.connectTimeout = .seconds(60)
    configuration.logger = self.logger
    let group = ServiceGroup(services: [try ZooKeeperClient(configuration)], logger: self.logger)
    let running = Task { try await group.run() }
    try await proxy.waitForConnections(1)
    let start = ContinuousClock.now
    await group.triggerGracefulShutdown()
    try await running.value
    #expect(ContinuousClock.now - start < .seconds(10))
    await proxy.stop()
  }
}

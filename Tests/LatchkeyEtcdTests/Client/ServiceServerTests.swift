#if Etcd
import InMemoryLogging
import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import Logging
import ServiceLifecycle
import Testing

@testable import LatchkeyEtcd

@Suite("The etcd client as a service", .serialized, .timeLimit(.minutes(2)))
struct ServiceServerTests {
  private let logger = Logger.quiet

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

  @Test("starts before its servers do: it goes on trying, says so in the log, and serves once they are there")
  func serversComeLater() async throws {
    try await withEtcd { server in
      await server.kill()
      let log = InMemoryLogHandler()
      var configuration = EtcdClient.Configuration(endpoints: [server.endpoint])
      configuration.connectTimeout = .milliseconds(500)
      configuration.logger = Logger(label: "test") { _ in log }
      let client = try EtcdClient(configuration)
      let group = ServiceGroup(services: [client], logger: self.logger)
      let running = Task { try await group.run() }
      let lock = EtcdLocks(client: client).lock(try uniqueName())
      // Calls say that nobody is there, each within its own budget, and the service runs on.
      for _ in 0..<3 { #expect(await failure(of: lock, within: .seconds(1))?.code == .unreachable) }
      let warnings = log.entries.filter { $0.level == .warning && "\($0.message)".contains("cannot be reached") }
      #expect(warnings.count >= 1 && warnings.count <= 4)
      try server.launch()
      try await server.waitUntilReady()
      try await eventuallyAcquires(lock)
      await group.triggerGracefulShutdown()
      try await running.value
    }
  }

  @Test("ends with an error if the servers refuse it for good")
  func refusedForGood() async throws {
    try await withRedis { server in
      var configuration = EtcdClient.Configuration(endpoints: ["127.0.0.1:\(server.port)"])
      configuration.logger = self.logger
      let client = try EtcdClient(configuration)
      let error = await #expect(throws: EtcdError.self) { try await client.run() }
      #expect(error?.description.contains("as a Redis server does") == true)
    }
  }

  @Test("that nobody runs says so, in the error of whoever uses it and once in the log")
  func notRun() async throws {
    let servers = try await TestServers.shared.value
    let log = InMemoryLogHandler()
    var configuration = EtcdClient.Configuration(endpoints: servers.endpoints)
    configuration.connectTimeout = .milliseconds(300)
    configuration.logger = Logger(label: "test") { _ in log }
    let client = try EtcdClient(configuration)
    var locksConfiguration = EtcdLocks.Configuration()
    locksConfiguration.answerTimeout = .milliseconds(300)
    let lock = EtcdLocks(client: client, configuration: locksConfiguration).lock(try uniqueName())
    for timeout in [.seconds(1), nil, .zero] as [Duration?] {
      let error = try #require(await failure(of: lock, within: timeout))
      #expect(error.code == .unreachable)
      #expect("\(error)".contains("the client is not running"), "\(error)")
    }
    let ready = await #expect(throws: EtcdError.self) { try await client.waitUntilReady() }
    #expect(ready?.message.contains("add it to the service group") == true)
    #expect(log.entries.count { $0.level == .warning && "\($0.message)".contains("not running") } == 1)
  }

  /// Acquires at the latest when the client has come to its next attempt to connect.
  private func eventuallyAcquires(_ lock: any DistributedLock) async throws {
    try await eventuallyTrue(within: .seconds(20)) {
      do throws(LockError) {
        try await lock.acquire(within: .seconds(2)).release()
        return true
      } catch {
        return false
      }
    }
  }
}
#endif

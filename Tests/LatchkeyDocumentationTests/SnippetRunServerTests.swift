import Foundation
import Latchkey
import LatchkeyRedis
import LatchkeyTesting
import LatchkeyZooKeeper
import ServiceLifecycle
import Testing
import ZooKeeper

@Suite("Code of the articles, run on real servers", .serialized, .timeLimit(.minutes(3)))
struct SnippetRunServerTests {
  @Test("getting started, in one process")
  func inProcess() async throws {
    let ledger = Ledger(1...3)
    async let first: Void = inOneProcess(ledger)
    async let second: Void = inOneProcess(ledger)
    _ = try await (first, second)
    #expect(await ledger.sent.map(\.number) == [1, 2, 3])
  }

  @Test("getting started, leases, tries and errors")
  func leases() async throws {
    let mutex = LocalMutex("invoices")
    #expect(try await sendInvoicesUnlessSomebodyDoes(of: Ledger(1...1), under: mutex))
    #expect(await explain(mutex).hasPrefix("done under "))
    let worker = Worker()
    try await worker.start(under: mutex)
    #expect(try await sendInvoicesUnlessSomebodyDoes(of: Ledger(1...1), under: mutex) == false)
    #expect(await explain(mutex).contains(" has it, and 1 stand before us; try later"))
    try await worker.stop()
    try await worker.stop()
    #expect(try await sendInvoicesUnlessSomebodyDoes(of: Ledger(1...1), under: mutex))
  }

  @Test("locks within a process")
  func local() async throws {
    #expect(try await InProcess.mutex() == 1)
    #expect(try await InProcess.channel())
    #expect(try await InProcess.named() == false)
  }

  @Test("locks that several hold at once")
  func sharing() async throws {
    let locks = LocalLocks()
    #expect(try await Sharing.downgrade(locks.readWriteLock("catalogue"), PriceStore()) == 0)
    try await Sharing.upgrade(locks.readWriteLock("catalogue"), PriceStore())
    #expect(try await Sharing.several(locks.semaphore("reports", limit: .fixed(3)), "a report"))
    try await Sharing.limit(locks)
  }

  @Test("ZooKeeper: getting started, locks with their configuration, the client")
  func zooKeeper() async throws {
    try await withZooKeeper { server in
      let ledger = Ledger(1...3)
      try await onZooKeeper(server.connectString, ledger)
      #expect(await ledger.sent.count == 3)
      #expect(try await OnZooKeeper.configured([server.connectString]) != nil)
      let configuration = ZooKeeperClient.Configuration(connectString: server.connectString)
      try await ZooKeeperClient.withClient(configuration) { client in
        #expect(try await OnZooKeeper.nodes(client) == ["first"])
        async let counts = OnZooKeeper.watch(client)
        try await client.delete("/workers/first")
        #expect(try await counts.last == 0)
        let locks = ZooKeeperLocks(client: client)
        try await OnZooKeeper.permits(locks)
        try await OnZooKeeper.sharedLimit(locks).acquire(2, within: .seconds(5)).release()
      }
      let client = try ZooKeeperClient(configuration)
      let run = Task { try await client.run() }
      async let states = OnZooKeeper.states(of: client)
      try await client.sync()
      run.cancel()
      #expect(await states.suffix(1) == [.closed])
      _ = await run.result
    }
  }

  @Test("ZooKeeper: a service under a lock runs and shuts down")
  func service() async throws {
    try await withZooKeeper { server in
      let configuration = ZooKeeperClient.Configuration(connectString: server.connectString)
      let group = try OnZooKeeper.service(configuration)
      let run = Task { try await group.run() }
      try await ZooKeeperClient.withClient(configuration) { client in
        let isHeld = try await eventually { try await client.exists("/nightly")?.childCount == 1 }
        #expect(isHeld)
        await group.triggerGracefulShutdown()
        try await run.value
        #expect(try await client.exists("/nightly")?.childCount ?? 0 == 0)
      }
    }
  }

  @Test("Redis: getting started, and a lock with its configuration")
  func redis() async throws {
    try await withRedis { server in
      let ledger = Ledger(1...3)
      try await onRedis("127.0.0.1", port: server.port, ledger)
      #expect(await ledger.sent.count == 3)
    }
    var configuration = RedisConfiguration()
    configuration.password = "secret"
    try await withRedis(configuration) { server in
      let token = try await OnRedis.configured(host: "127.0.0.1", port: server.port, password: "secret")
      #expect(token != nil)
    }
  }

  @Test("Redlock on five servers")
  func redlock() async throws {
    try await withRedisServers { servers in
      let wasAlone = try await OnRedis.redlock(servers.map { ("127.0.0.1", $0.port) })
      #expect(wasAlone)
    }
  }

  @Test("the page of the test kit: a history of a lock has no violation")
  func history() async throws {
    let report = try await History.judge(LocalMutex("history"))
    #expect(report.violations == [])
    #expect(report.grants == 100)
  }
}

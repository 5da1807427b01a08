import Foundation
import Latchkey
import LatchkeyRedis
import LatchkeyTesting
import LatchkeyZooKeeper
import Logging
import ZooKeeper

#if Etcd
import LatchkeyEtcd
#endif

// The code in the comments of public symbols, and what it needs around it.

struct Order: Sendable {}

struct Orders: Sendable {
  func save(_ order: Order, fencedBy token: FencingToken?) async throws {}
}

actor PriceStore {
  private var prices: [String: Int] = [:]

  func price(of item: String) async throws -> Int { self.prices[item] ?? 0 }

  func replaceAll(_ prices: [String: Int], fencedBy token: FencingToken) async throws { self.prices = prices }

  func reload() async throws { self.prices = [:] }
}

// snippet: comment ReadWriteFenceState
actor Catalogue {
  private var fence = ReadWriteFenceState()
  private var prices: [String: Int] = [:]

  func price(of item: String, fencedBy token: FencingToken) throws -> Int? {
    try self.fence.admitRead(token)
    return self.prices[item]
  }

  func set(_ price: Int, of item: String, fencedBy token: FencingToken) throws {
    try self.fence.admitWrite(token)
    self.prices[item] = price
  }
}
// end

enum DocComments {
  static func render(_ report: String) async throws {}

  static let order = Order()
  static let orders = Orders()

  static func save(_ order: Order, fencedBy token: FencingToken?) async throws {}

  static func gate(_ token: FencingToken, _ data: Data, _ file: URL) throws {
    // snippet: comment FenceGate
    let gate = FenceGate()
    try gate.admit(token) { try data.write(to: file) }
    // end
  }

  static func asyncGate(_ token: FencingToken, _ store: some OrderStore, _ order: String) async throws {
    // snippet: comment AsyncFenceGate
    let gate = AsyncFenceGate()
    try await gate.admit(token) { try await store.put(order) }
    // end
  }

  static func readWriteGate(_ token: FencingToken, _ other: FencingToken, _ data: Data, _ file: URL) throws -> Data {
    // snippet: comment ReadWriteFenceGate
    let gate = ReadWriteFenceGate()
    try gate.admitWrite(token) { try data.write(to: file) }
    let text = try gate.admitRead(other) { try Data(contentsOf: file) }
    // end
    return text
  }

  static func asyncReadWriteGate(_ token: FencingToken, _ other: FencingToken, _ store: PriceStore) async throws -> Int
  {
    // snippet: comment AsyncReadWriteFenceGate
    let gate = AsyncReadWriteFenceGate()
    try await gate.admitWrite(token) { try await store.replaceAll(["tea": 3], fencedBy: token) }
    let price = try await gate.admitRead(other) { try await store.price(of: "tea") }
    // end
    return price
  }

  static func readWriteLock(_ locks: LocalLocks, _ store: PriceStore, _ prices: [String: Int]) async throws -> Int {
    // snippet: comment DistributedReadWriteLock
    let catalogue = locks.readWriteLock("catalogue")
    let price = try await catalogue.reading.withLock { _ in try await store.price(of: "tea") }
    try await catalogue.writing.withLock { _, token in try await store.replaceAll(prices, fencedBy: token) }
    // end
    return price
  }

  static func semaphore(_ locks: LocalLocks, _ report: String) async throws {
    // snippet: comment DistributedSemaphore
    let pool = locks.semaphore("reports", limit: .fixed(5))
    try await pool.withPermit { _ in try await render(report) }
    // end
  }

  static func localReadWriteLock(_ store: PriceStore) async throws -> Int {
    // snippet: comment LocalReadWriteLock
    let table = LocalReadWriteLock("table")
    let price = try await table.reading.withLock { _ in try await store.price(of: "tea") }
    try await table.writing.withLock { _ in try await store.reload() }
    // end
    return price
  }

  static func localSemaphore(_ report: String) async throws {
    // snippet: comment LocalSemaphore
    let pool = LocalSemaphore("reports", limit: .fixed(5))
    try await pool.withPermit { _ in try await render(report) }
    // end
  }

  static func mutex() async throws {
    var counter = 0
    // snippet: comment LocalMutex
    let mutex = LocalMutex("counter")
    try await mutex.withLock { _ in counter += 1 }
    // end
  }

  static func withLock(_ locks: any LockProvider) async throws {
    // snippet: comment withLock
    try await locks.lock("orders/42").withLock { held in
      try await orders.save(order, fencedBy: held.token)
    }
    // end
  }

  static func withToken(_ locks: some LockProvider<some FencedLock>) async throws {
    // snippet: comment withLock and token
    try await locks.lock("orders/42").withLock { held, token in
      try await orders.save(order, fencedBy: token)
    }
    // end
  }

  static func metadata() {
    // snippet: comment heldLock
    LoggingSystem.bootstrap(
      { label, provider in StreamLogHandler.standardError(label: label, metadataProvider: provider) },
      metadataProvider: .heldLock
    )
    // end
  }

  static func lease(_ lock: any DistributedLock) async throws {
    // snippet: comment Lease
    let lease = try await lock.acquire(within: .seconds(5))
    try await save(order, fencedBy: lease.held.token)
    try await lease.release()
    // end
  }

  static func redis(_ connection: RedisConnection) async throws {
    // snippet: comment RedisLocks
    let locks = try RedisLocks(executor: connection)
    try await locks.lock("orders").withLock { held, token in
      try await orders.save(order, fencedBy: token)
    }
    // end
  }

  static func redlock() throws -> RedlockLocks {
    // snippet: comment RedlockLocks
    var connections: [RedisConnection] = []
    for host in ["r1", "r2", "r3", "r4", "r5"] {
      var server = RedisConnection.Configuration(host: host)
      server.tracksServer = true
      connections.append(try RedisConnection(server))
    }
    let locks = try RedlockLocks(servers: connections)
    // end
    return locks
  }

  static func subject(_ registry: LocalLocks) async throws {
    // snippet: comment LockSubject
    let subject = LockSubject(
      label: "mutex",
      traits: [.fenced, .fair],
      makeClient: { registry },
      close: { _ in }
    )
    for check in LockConformance.checks {
      let outcome = try await LockConformance(subject: subject).run(check)
      print(check, outcome)
    }
    // end
  }

  static func proxy(_ server: ZooKeeperServer) async throws {
    // snippet: comment FaultProxy
    try await withFaultProxy(to: server.port, framing: .zooKeeper) { proxy in
      let lost = await proxy.dropReply(to: { $0.zooKeeperOperation == .createAndState }, thenReset: true)
      let configuration = ZooKeeperClient.Configuration(connectString: proxy.connectString)
      try await ZooKeeperClient.withClient(configuration) { client in
        _ = try await client.create("/orders")  // the node is made, and the client never hears of it
      }
      try await lost.struck()
    }
    // end
  }

  static func zooKeeperServer() async throws {
    // snippet: comment ZooKeeperServer
    try await withZooKeeper { server in
      let configuration = ZooKeeperClient.Configuration(connectString: server.connectString)
      try await ZooKeeperClient.withClient(configuration) { client in _ = try await client.create("/orders") }
    }
    // end
  }

  static func redisServer() async throws {
    // snippet: comment RedisServer
    try await withRedis { server in
      let connection = try await RedisConnection.connect(.init(host: "127.0.0.1", port: server.port))
      await connection.close()
    }
    // end
  }

  static func zooKeeperLocks(_ configuration: ZooKeeperClient.Configuration) async throws {
    // snippet: comment ZooKeeperLocks
    try await ZooKeeperClient.withClient(configuration) { client in
      let locks = ZooKeeperLocks(client: client)
      try await locks.lock("app/orders").withLock { held, token in
        try await orders.save(order, fencedBy: token)
      }
    }
    // end
  }
}

extension FileLock {
  func leaseOfGrant(_ token: FencingToken, _ file: Int32) -> Lease {
    // snippet: comment LeaseGrant
    let grant = LeaseGrant(
      name: self.name,
      backend: self.backend,
      token: token,
      loss: .never,
      release: { close(file) }
    )
    return Lease(grant)
    // end
  }
}

/// In a file of its own name space: the article on fencing has the same actor, with a balance that can be read.
enum FenceStateComment {
  // snippet: comment FenceState
  actor Account {
    private var fence = FenceState()
    private var balance = 0

    func set(_ balance: Int, fencedBy token: FencingToken) throws {
      try self.fence.admit(token)
      self.balance = balance
    }
  }
  // end
}

#if Etcd
extension DocComments {
  static func lead(fencedBy token: FencingToken?) async throws {}

  static func election(_ client: EtcdClient) async throws {
    // snippet: comment EtcdElection
    let election = EtcdElection(client: client, name: "scheduler")
    let leadership = try await election.campaign(value: "node-7")
    try await lead(fencedBy: leadership.held.token)
    try await leadership.resign()
    // end
  }

  static func methods(_ server: EtcdServer) async throws {
    // snippet: a proxy that knows gRPC
    try await withFaultProxy(to: server.port, framing: .http2) { proxy in
      // The third transaction is carried out, and nobody is told: that of the second acquisition.
      let lost = await proxy.dropReply(3, thenReset: true) { $0.grpcMethod == "/etcdserverpb.KV/Txn" }
      let configuration = EtcdClient.Configuration(endpoints: [proxy.connectString])
      try await EtcdClient.withClient(configuration) { client in
        let lock = EtcdLocks(client: client).lock("invoices")
        try await lock.acquire(within: .seconds(5)).release()
        try await lock.acquire(within: .seconds(5)).release()
      }
      try await lost.struck()
    }
    // end
  }

  static func etcd() async throws {
    // snippet: comment EtcdLocks
    try await EtcdClient.withClient(EtcdClient.Configuration(endpoints: ["etcd1:2379", "etcd2:2379"])) { client in
      let locks = EtcdLocks(client: client)
      try await locks.lock("orders").withLock { held, token in
        try await orders.save(order, fencedBy: token)
      }
    }
    // end
  }

  static func etcdServer() async throws {
    // snippet: comment EtcdServer
    try await withEtcd { server in
      let configuration = EtcdClient.Configuration(endpoints: [server.endpoint])
      try await EtcdClient.withClient(configuration) { client in
        try await EtcdLocks(client: client).lock("orders").withLock { _ in }
      }
    }
    // end
  }
}
#endif

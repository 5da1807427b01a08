#if Etcd
import Latchkey
import LatchkeyEtcd
import LatchkeyRedis
import LatchkeyZooKeeper
import ZooKeeper

// The code of the README. What stands between `readme` and `end` is what it shows.

enum Readme {
  /// Something that refuses stale tokens.
  protocol Book: Sendable {
    func settle(fencedBy token: FencingToken) async throws
  }

  static func first(_ book: some Book) async throws {
    // readme: first
    let configuration = ZooKeeperClient.Configuration(connectString: "zk1:2181,zk2:2181,zk3:2181")
    try await ZooKeeperClient.withClient(configuration) { client in
      let orders = ZooKeeperLocks(client: client).lock("app/orders")
      try await orders.withLock(within: .seconds(5)) { held, token in
        try await book.settle(fencedBy: token)  // cancelled if the lock is lost; a stale token is refused
      }
    }
    // end
  }

  static func backends() async throws {
    // readme: backends
    try await work(under: LocalMutex("orders"))  // tests, or one process

    let redis = try await RedisConnection.connect(.init(host: "redis1"))
    try await work(under: RedisLocks(executor: redis).lock("orders"))

    try await EtcdClient.withClient(.init(endpoints: ["etcd1:2379", "etcd2:2379", "etcd3:2379"])) { etcd in
      try await work(under: EtcdLocks(client: etcd).lock("orders"))
    }
    // end
  }
}

// readme: ways
func work(under lock: any DistributedLock) async throws {
  // Wait at most two seconds; `held` says whether the lock is still ours, for how long, and under which token.
  try await lock.withLock(within: .seconds(2)) { held in try held.ensureHeld() }

  // Or do nothing if somebody else is at it.
  let done: Void? = try await lock.withLockIfAvailable { _ in }
  if done == nil { print("somebody else does it") }

  // Or keep the lease, and give it back elsewhere.
  let lease = try await lock.acquire(within: .seconds(2))
  print("\(lease.held.name) is ours for \(lease.held.remaining ?? .zero)")
  try await lease.release()
}
// end
#endif

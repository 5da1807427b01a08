import Latchkey
import LatchkeyZooKeeper
import ServiceLifecycle
import UnixSignals
import ZooKeeper

// The code of the article *Locks on ZooKeeper*, and of the page of the module ZooKeeper.

enum OnZooKeeper {
  static func configured(_ servers: [String]) async throws -> FencingToken? {
    // snippet: zookeeper configuration
    var configuration = ZooKeeperClient.Configuration(servers: servers, chroot: "")
    configuration.sessionTimeout = .seconds(12)  // T: at least four ticks of the servers
    configuration.tick = .seconds(2)  // the servers' tickTime
    configuration.credentials = [.digest(user: "orders", password: "secret")]
    configuration.defaultACL = .creatorAll
    // end
    // snippet: zookeeper locks
    return try await ZooKeeperClient.withClient(configuration) { client in
      var naming = ZooKeeperLocks.Configuration()
      naming.root = "/locks"
      naming.label = "order service, blue"
      let locks = ZooKeeperLocks(client: client, configuration: naming)
      return try await locks.lock("orders/42").withLock(within: .seconds(5)) { held, token in
        try held.ensureHeld()
        return token
      }
    }
    // end
  }

  static func permits(_ locks: ZooKeeperLocks) async throws {
    // snippet: zookeeper permits
    let reports = locks.semaphore("reports", limit: .fixed(5))
    try await reports.withPermits(2, within: .seconds(30)) { held in
      try held.ensureHeld()
    }
    // end
  }

  static func sharedLimit(_ locks: ZooKeeperLocks) async throws -> ZooKeeperSemaphore {
    // snippet: zookeeper shared limit
    let exports = locks.semaphore("exports", limit: .shared(seed: 2))
    try await exports.setLimit(4)
    let imports = locks.semaphore("imports", limit: .shared(seed: 2, path: "/limits/imports"))
    // end
    return imports
  }

  static func service(_ configuration: ZooKeeperClient.Configuration) throws -> ServiceGroup {
    // snippet: zookeeper service
    let client = try ZooKeeperClient(configuration)
    let locks = ZooKeeperLocks(client: client)
    let group = ServiceGroup(
      services: [client, NightlyJob(locks: locks)],
      gracefulShutdownSignals: [.sigterm],
      logger: configuration.logger
    )
    // end
    return group
  }

  static func states(of client: ZooKeeperClient) async -> [SessionState] {
    var seen: [SessionState] = []
    // snippet: zookeeper states
    for await state in client.states {
      seen.append(state)
      if state == .closed { break }
    }
    // end
    return seen
  }

  static func nodes(_ client: ZooKeeperClient) async throws -> [String] {
    // snippet: zookeeper nodes
    try await client.createParents("/workers")
    let (path, stat) = try await client.create("/workers/first", data: Array("ready".utf8), mode: .ephemeral)
    try await client.set(path, data: Array("busy".utf8), version: stat.version)
    let (data, _) = try await client.get(path)
    let names = try await client.children(of: "/workers")
    // end
    precondition(String(decoding: data, as: UTF8.self) == "busy")
    return names
  }

  static func watch(_ client: ZooKeeperClient) async throws -> [Int] {
    var counts: [Int] = []
    // snippet: zookeeper watch
    for try await names in client.childrenChanges(of: "/workers") {
      guard let names else { continue }  // nil: the node is not there
      counts.append(names.count)
      if names.isEmpty { break }
    }
    // end
    return counts
  }
}

/// A service that does its work under a lock.
struct NightlyJob: Service {
  let locks: ZooKeeperLocks

  func run() async throws {
    try await self.locks.lock("nightly").withLock { _ in
      try await gracefulShutdown()
    }
  }
}

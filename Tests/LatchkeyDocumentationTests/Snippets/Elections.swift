import Latchkey
import LatchkeyLifecycle
import LatchkeyRedis
import LatchkeyZooKeeper
import Logging
import ServiceLifecycle
import ZooKeeper

// The code in the comments of elections and multi-locks, and in the article of LatchkeyLifecycle.

enum Elections {
  static func coordinate(fencedBy token: FencingToken?) async throws {}
  static func schedule(fencedBy token: FencingToken?) async throws {}
  static func transfer(fencedBy tokens: [FencingToken?]) async throws {}

  static func multi(_ locks: some LockProvider) async throws {
    // snippet: comment MultiLock
    let accounts = try MultiLock([locks.lock("accounts/7"), locks.lock("accounts/12")])
    try await accounts.withLock { held in
      try await transfer(fencedBy: held.tokens)
    }
    // end
  }

  static func withLeadership(_ election: some LeaderElection) async throws {
    // snippet: comment withLeadership
    try await election.withLeadership(value: "node-7") { leadership in
      try await coordinate(fencedBy: leadership.token)
    }
    // end
  }

  static func overRedis(_ locks: RedisLocks, _ connection: RedisConnection) async throws {
    // snippet: comment LockElection
    let election = LockElection(locks.lock("scheduler"), inspector: RedisLockInspector(executor: connection))
    try await election.withLeadership(value: "node-7") { leadership in
      try await schedule(fencedBy: leadership.token)
    }
    // end
  }

  static func service(_ client: ZooKeeperClient, _ election: some LeaderElection, _ logger: Logger) async throws {
    // snippet: comment LeaderService
    let scheduler = LeaderService(election: election, value: "node-7") { leadership in
      try await schedule(fencedBy: leadership.token)
    }
    let group = ServiceGroup(services: [client, scheduler], logger: logger)
    try await group.run()
    // end
  }

  static func inZooKeeper(_ client: ZooKeeperClient) async throws {
    // snippet: comment ZooKeeperElection
    let election = ZooKeeperElection(client: client, name: "scheduler")
    try await election.withLeadership(value: "node-7") { leadership in
      try await schedule(fencedBy: leadership.token)
    }
    // end
  }
}

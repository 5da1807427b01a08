import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import LatchkeyZooKeeper
import Testing

/// What the tests of the read-write lock share.
enum ReadWriteLocks {
  /// Lends the read-write locks of one name that three clients have, and expects that they leave nothing.
  static func with(
    sessionTimeout: Duration = .seconds(10),
    _ body: (LockName, [TestClient], [ZooKeeperReadWriteLock]) async throws -> Void
  ) async throws {
    let servers = try await TestServers.shared.value
    let name = try uniqueName("readwrite")
    try await TestClient.with(servers, sessionTimeout: sessionTimeout) { first in
      try await TestClient.with(servers, sessionTimeout: sessionTimeout) { second in
        try await TestClient.with(servers, sessionTimeout: sessionTimeout) { third in
          let clients = [first, second, third]
          try await body(name, clients, clients.map { $0.locks.readWriteLock(name) })
          try await eventuallyTrue(within: .seconds(10)) { try await first.count("/\(name)") == 0 }
        }
      }
    }
  }

  /// Starts to wait for a half of the lock, and returns when its node stands in the queue.
  static func queue(
    _ half: ZooKeeperReadWriteLock.Half,
    at place: Int,
    _ client: TestClient,
    within limit: Duration? = .seconds(30)
  ) async throws -> Task<LeaseBox, any Error> {
    let waiter = Task { LeaseBox(try await half.acquire(within: limit)) }
    try await eventuallyTrue(within: .seconds(10)) { try await client.count("/\(half.name)") == place + 1 }
    return waiter
  }
}

import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import LatchkeyZooKeeper
import Testing

@testable import ZooKeeper

@Suite("What others do to a lock's directory", .serialized, .timeLimit(.minutes(3)))
struct DirectoryServerTests {
  @Test("waiters whose directory is deleted come back and are all served")
  func deletedDirectory() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers, sessionTimeout: .seconds(10)) { client in
      try await TestClient.with(servers, sessionTimeout: .seconds(10)) { other in
        let name = try uniqueName()
        let served = Shared(0)
        try await withThrowingTaskGroup(of: Void.self) { group in
          let lease = try await client.lock(name).acquire()
          let held = lease.held
          for _ in 0..<5 {
            group.addTask {
              try await Self.lock(name, other)
              served.change { $0 += 1 }
            }
          }
          try await eventuallyTrue(within: .seconds(10)) { try await client.count("/\(name)") == 2 }
          try await Self.deleteAll("/\(name)", client)
          // The holder is told, since its node went as well.
          let loss = await held.lost
          #expect(loss?.code == .lockLost)
          try await group.waitForAll()
          await expectLost(lease)
        }
        #expect(served.value == 5)
        #expect(try await client.count("/\(name)") == 0)
      }
    }
  }

  /// Holds the lock once for as long as it was meant to. Whoever deletes everything in the directory may also meet the node of a
  /// waiter that has come back and holds the lock by then: that is a loss, which the release reports, and no service.
  private static func lock(_ name: LockName, _ client: TestClient) async throws {
    while true {
      do {
        return try await client.lock(name).withLock { _ in }
      } catch LockError.Code.lockLost {
        // Asks again.
      }
    }
  }

  /// Deletes a directory with what is in it, however fast others fill it again.
  private static func deleteAll(_ directory: String, _ client: TestClient) async throws {
    for child in try await client.client.children(of: directory) { try await client.delete("\(directory)/\(child)") }
    do throws(ZooKeeperError) {
      try await client.client.delete(directory)
    } catch {
      // If a waiter was quicker, the point is made without this.
      guard error.code == .notEmpty else { throw error }
    }
  }

  @Test("nodes that are no contenders are ignored")
  func junk() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers, sessionTimeout: .seconds(10)) { client in
      let name = try uniqueName()
      try await client.lock(name).acquire().release()
      for junk in ["junk", "lock-", "lock-12x", "_c_0-lock-x", "0000000000", "lock-99999999999999999999", "leases"] {
        _ = try await client.client.create("/\(name)/\(junk)", mode: .persistent)
      }
      _ = try await client.client.create("/\(name)/leases/lock-0000000000", mode: .persistent)
      let isFree = try await client.lock(name).withLockIfAvailable { held in held.isHeld }
      #expect(isFree == true)
      try await client.lock(name).acquire(within: .seconds(5)).release()
    }
  }

  @Test("sequence numbers that have wrapped are ordered by creation")
  func wrapped() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers, sessionTimeout: .seconds(10)) { client in
      let name = try uniqueName()
      try await client.lock(name).acquire().release()
      // By hand: the last number before the wrap, then the first after it.
      let before = "/\(name)/_c_11111111-1111-4111-8111-111111111111-lock-2147483647"
      let after = "/\(name)/_c_22222222-2222-4222-8222-222222222222-lock--2147483648"
      _ = try await client.client.create(before, mode: .ephemeral)
      _ = try await client.client.create(after, mode: .ephemeral)
      let isGranted = Shared(false)
      let busy = try await client.lock(name).tryAcquire() == nil
      #expect(busy)
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          let lease = try await client.lock(name).acquire(within: .seconds(30))
          isGranted.change { $0 = true }
          try await lease.release()
        }
        // Ours has a small number, and yet it came last: it stands behind both.
        try await eventuallyTrue(within: .seconds(10)) { try await client.count("/\(name)") == 3 }
        try await client.delete(before)
        try await client.client.sync("/\(name)")
        try await Self.settle(client, name)
        #expect(!isGranted.value)
        try await client.delete(after)
        try await group.waitForAll()
      }
      #expect(isGranted.value)
    }
  }

  /// Lets the lock react to what has happened: several answers later it would have been granted.
  private static func settle(_ client: TestClient, _ name: LockName) async throws {
    for _ in 0..<20 { _ = try await client.count("/\(name)") }
  }

  @Test("a name with what ZooKeeper cannot carry is a lock all the same, and unlike any other")
  func strangeNames() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers, sessionTimeout: .seconds(10)) { client in
      let base = try uniqueName().rawValue
      // Composed and decomposed é, an emoji, private use, a percent sign, a space, a contender's name.
      let names =
        ["\u{E9}", "e\u{301}", "🔑", "\u{E000}", "%F0%9F%94%91", "a b", "lock-0000000001", "zookeeper"]
        + ["__lock__lock__0000000001", "\u{600}lock-0000000001"]
      try await Self.hold(names[...], base, client) {
        // The directories are no contenders for the lock above them.
        try await client.lock(try LockName(base)).acquire(within: .seconds(5)).release()
      }
    }
  }

  /// Holds all the locks at once while it runs the body.
  private static func hold(
    _ names: ArraySlice<String>,
    _ base: String,
    _ client: TestClient,
    _ body: () async throws -> Void
  ) async throws {
    guard let name = names.first else { return try await body() }
    try await client.lock(try LockName("\(base)/\(name)")).withLock(within: .seconds(5)) { _ in
      try await Self.hold(names.dropFirst(), base, client, body)
    }
  }

  @Test("with a creator-only ACL a stranger is told that it may not")
  func accessControl() async throws {
    let servers = try await TestServers.shared.value
    let credential = ZooKeeperClient.Credential.digest(user: "orders", password: "secret")
    let owner = try await TestClient.open(
      servers,
      sessionTimeout: .seconds(10),
      change: { $0.credentials = [credential] },
      changeLocks: { $0.acl = .creatorAll }
    )
    let name = try uniqueName()
    let lease = try await owner.lock(name).acquire(within: .seconds(5))
    try await TestClient.with(servers, sessionTimeout: .seconds(10)) { stranger in
      let error = await failure(of: stranger.lock(name), within: .seconds(5))
      #expect(error?.code == .notAuthorized)
      #expect(error?.name == name)
      #expect(!"\(String(describing: error))".contains("secret"))
    }
    try await lease.release()
    await owner.close()
  }

  @Test(
    "a place that the servers keep for themselves, or that is no path, is refused before anything is sent",
    arguments: [("", "/zookeeper"), ("", "/zookeeper/locks"), ("/zookeeper", "/"), ("", "locks"), ("", "/a//b")]
  )
  func reservedPlace(chroot: String, root: String) async throws {
    // A client that nobody runs: whatever is sent waits for a connection.
    let client = try ZooKeeperClient(ZooKeeperClient.Configuration(servers: ["127.0.0.1:1"], chroot: chroot))
    var configuration = ZooKeeperLocks.Configuration()
    configuration.root = root
    let lock = ZooKeeperLocks(client: client, configuration: configuration).lock(try uniqueName())
    for timeout in [nil, Duration.zero] {
      let error = await failure(of: lock, within: timeout)
      #expect(error?.code == .invalidConfiguration)
      #expect(error?.message.contains(chroot + (root == "/" ? "" : root)) == true)
    }
    await client.close()
  }

  @Test("a directory that only looks like the servers' own is as good as any")
  func almostReservedPlace() async throws {
    let servers = try await TestServers.shared.value
    let client = try await TestClient.open(servers, changeLocks: { $0.root = "/zookeepers" })
    try await client.lock(try uniqueName()).acquire(within: .seconds(5)).release()
    await client.close()
  }

  @Test("a session shorter than four ticks is refused with the reason")
  func shortSession() async throws {
    let servers = try await TestServers.shared.value
    let client = try await TestClient.open(servers, change: { $0.tick = .seconds(2) })
    let error = await failure(of: client.lock(try uniqueName()), within: .seconds(5))
    #expect(error?.code == .invalidConfiguration)
    #expect(error?.message.contains("tick") ?? false)
    await client.close()
  }

  @Test("a wait that runs out says who holds the lock and how many stand before")
  func timedOutSaysWho() async throws {
    let servers = try await TestServers.shared.value
    let holder = try await TestClient.open(
      servers,
      sessionTimeout: .seconds(10),
      changeLocks: { $0.label = "night shift" }
    )
    let name = try uniqueName()
    let lease = try await holder.lock(name).acquire()
    try await TestClient.with(servers, sessionTimeout: .seconds(10)) { client in
      let error = await failure(of: client.lock(name), within: .milliseconds(500))
      #expect(error?.code == .timedOut)
      #expect(error?.wait?.place == 1)
      #expect(error?.wait?.holder?.contains("night shift") ?? false)
      // Its own node goes one round trip later.
      try await eventuallyTrue(within: .seconds(5)) { try await client.count("/\(name)") == 1 }
    }
    try await lease.release()
    await holder.close()
  }

  @Test("a label of any length is cut, and the lock can be had")
  func longLabel() async throws {
    let servers = try await TestServers.shared.value
    let client = try await TestClient.open(
      servers,
      changeLocks: { $0.label = String(repeating: "\u{E9}", count: 1_000_000) }
    )
    let name = try uniqueName()
    try await client.lock(name).withLock(within: .seconds(10)) { _ in
      let first = try #require(try await client.scan("/\(name)")?.first)
      let (data, _) = try await client.client.get("/\(name)/\(first)")
      let label = ContenderDescription.parse(String(decoding: data, as: UTF8.self))?.label
      #expect(label == String(repeating: "\u{E9}", count: 128))
    }
    await client.close()
  }

  @Test("extend asks the servers, and tells that the node is gone")
  func extend() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers, sessionTimeout: .seconds(10)) { client in
      let name = try uniqueName()
      let lease = try await client.lock(name).acquire()
      try await lease.held.extend()
      #expect(lease.held.isHeld)
      let first = try #require(try await client.scan("/\(name)")?.first)
      try await client.delete("/\(name)/\(first)")
      let held = lease.held
      await #expect { try await held.extend() } throws: { LockError.Code.lockLost ~= $0 }
      #expect(!held.isHeld)
      await expectLost(lease)
    }
  }
}

import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import LatchkeyZooKeeper
import Testing
import ZooKeeper

@Suite("Looking at locks in ZooKeeper", .serialized, .timeLimit(.minutes(3)))
struct InspectorServerTests {
  @Test("a lock that nobody has ever used is free, and looking makes no node")
  func unknown() async throws {
    try await TestClient.with(TestServers.shared.value) { client in
      let name = try uniqueName("inspect")
      let report = try await ZooKeeperLockInspector(client: client.client).inspect(name)
      #expect(report.isFree && report.queue.isEmpty && report.name == name)
      #expect(report.backend == client.lock(name).backend)
      #expect(try await client.client.exists("/\(name)") == nil)
    }
  }

  @Test("the holder comes first, then who waits in order, each with what is known of it")
  func order() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers, sessionTimeout: .seconds(20)) { client in
      let name = try uniqueName("inspect")
      let inspector = ZooKeeperLockInspector(client: client.client)
      let lease = try await client.lock(name).acquire(within: .seconds(10))
      // Two more clients: within one, only the first in line has a node.
      try await Self.withWaiters(2, for: name, servers) { waiters in
        let report = try await inspector.inspect(name)
        let holder = try #require(report.holder)
        #expect(holder.place == 0 && holder.host == ThisProcess.host && holder.pid == ThisProcess.id)
        #expect(holder.token == lease.held.token)
        #expect(holder.session == "0x" + String(UInt64(bitPattern: try client.sessionID), radix: 16))
        #expect(try #require(holder.age) < .seconds(60))
        #expect(report.queue.map(\.place) == [1, 2])
        #expect(report.queue.map(\.label) == ["waiter 0", "waiter 1"])
        #expect(Set(report.queue.map(\.session)).count == 2)
        let tokens = report.queue.compactMap(\.token)
        #expect(tokens.count == 2 && tokens == tokens.sorted())
        #expect(waiters.count == 2)
      }
      try await lease.release()
    }
  }

  @Test("a node that this client may not read is shown with what everybody may see")
  func forbidden() async throws {
    let servers = try await TestServers.shared.value
    let owner = try await TestClient.open(servers) {
      $0.credentials = [.digest(user: "owner", password: "secret")]
    } changeLocks: {
      $0.acl = .creatorAll
    }
    let name = try uniqueName("inspect")
    let lease = try await owner.lock(name).acquire(within: .seconds(10))
    try await TestClient.with(servers) { client in
      // The directory is the owner's, too: nobody else may list it.
      let refusal = await #expect(throws: LockError.self) {
        try await ZooKeeperLockInspector(client: client.client).inspect(name)
      }
      #expect(refusal?.code == .notAuthorized)
    }
    let report = try await ZooKeeperLockInspector(client: owner.client).inspect(name)
    #expect(report.holder?.token == lease.held.token)
    try await lease.release()
    await owner.close()
  }

  @Test("the holder that is removed is told, and who waited has the lock")
  func remove() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers, sessionTimeout: .seconds(20)) { client in
      let name = try uniqueName("inspect")
      let inspector = ZooKeeperLockInspector(client: client.client)
      let lease = try await client.lock(name).acquire(within: .seconds(10))
      try await Self.withWaiters(1, for: name, servers) { waiters in
        let seen = try #require(try await inspector.inspect(name).holder)
        #expect(try await inspector.remove(seen, from: name))
        #expect(try await waiters[0].value)
        #expect(try await eventually(within: .seconds(10)) { !lease.held.isHeld })
        // A second time there is nothing to remove, and whoever holds the lock now keeps it.
        #expect(try await !inspector.remove(seen, from: name))
      }
      await expectLost(lease)
    }
  }

  @Test("a node of the same name that is not the one that was seen is left alone")
  func sameName() async throws {
    try await TestClient.with(TestServers.shared.value) { client in
      let name = try uniqueName("inspect")
      let inspector = ZooKeeperLockInspector(client: client.client)
      try await client.client.createParents("/\(name)")
      try await client.create("/\(name)", prefix: "lock-")
      let seen = try #require(try await inspector.inspect(name).holder)
      #expect(seen.identity == "lock-0000000000" && seen.host == nil && seen.label == nil)
      try await client.delete("/\(name)/\(seen.identity)")
      try await client.delete("/\(name)")
      try await client.client.createParents("/\(name)")
      try await client.create("/\(name)", prefix: "lock-")
      #expect(try await !inspector.remove(seen, from: name))
      let next = try #require(try await inspector.inspect(name).holder)
      #expect(next.identity == seen.identity && next.token != seen.token)
      #expect(try await inspector.remove(next, from: name))
    }
  }

  @Test("of a semaphore, who has permits comes first, then who waits, with the limit that they were told")
  func permits() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers, sessionTimeout: .seconds(20)) { client in
      try await TestClient.with(servers, sessionTimeout: .seconds(20)) { other in
        let name = try uniqueName("inspect")
        let inspector = ZooKeeperLockInspector(client: other.client)
        let lease = try await client.locks.semaphore(name, limit: .fixed(3)).acquire(2, within: .seconds(10))
        let second = try await client.locks.semaphore(name, limit: .fixed(4)).acquire(within: .seconds(10))
        let waiter = Task {
          LeaseBox(try await other.locks.semaphore(name, limit: .fixed(3)).acquire(within: .seconds(30)))
        }
        try await eventuallyTrue(within: .seconds(10)) { try await client.count("/\(name)/locks") == 1 }
        let report = try await inspector.inspect(name)
        let holders = [report.holder].compactMap { $0 } + report.sharing
        #expect(report.limit == 3 && holders.count == 3 && report.queue.map(\.place) == [1])
        #expect(holders.allSatisfy { $0.access == .permits && $0.token == nil && $0.pid == ThisProcess.id })
        #expect(holders.map(\.caveat) == [nil, nil, "was told a limit of 4"])
        // Whoever is removed is told, and all of its permits come back.
        let seen = try #require(report.holder)
        #expect(try await inspector.remove(seen, from: name))
        try await waiter.value.release()
        await expectLost(lease)
        try await second.release()
        try await eventuallyTrue(within: .seconds(10)) { try await inspector.inspect(name).isFree }
      }
    }
  }

  @Test("of a semaphore with a limit that is shared, the limit is that of its node")
  func sharedLimit() async throws {
    try await TestClient.with(TestServers.shared.value, sessionTimeout: .seconds(20)) { client in
      let name = try uniqueName("inspect")
      let pool = client.locks.semaphore(name, limit: .shared(seed: 1))
      let lease = try await pool.acquire(within: .seconds(10))
      try await pool.setLimit(7)
      let report = try await ZooKeeperLockInspector(client: client.client).inspect(name)
      #expect(report.limit == 7 && report.holder != nil && report.sharing.isEmpty && report.queue.isEmpty)
      try await lease.release()
    }
  }

  @Test("children that contend for nothing, or for another lock, are not counted")
  func strangers() async throws {
    try await TestClient.with(TestServers.shared.value) { client in
      let name = try uniqueName("inspect")
      try await client.client.createParents("/\(name)/lock-7")
      for child in ["leases", "lock-00000000x1", "other-0000000001", "lock-"] {
        try await client.client.create("/\(name)/\(child)")
      }
      #expect(try await ZooKeeperLockInspector(client: client.client).inspect(name).isFree)
    }
  }

  @Test("a holder of Curator is shown with the address that it leaves, and can be removed")
  func curator() async throws {
    try await Self.foreign([
      "java", "-Xmx128m", "-cp", InteroperationServerTests.curator,
      "\(InteroperationServerTests.contenders)/CuratorHolder.java",
    ]) {
      holder in
      #expect(holder.identity.hasPrefix("_c_"))
      #expect(holder.host?.contains(".") == true)
      #expect(holder.pid == nil && holder.label == nil)
    }
  }

  @Test("a holder of kazoo is shown with the identifier that it leaves, and can be removed")
  func kazoo() async throws {
    try await Self.foreign(["/usr/bin/python3", "\(InteroperationServerTests.contenders)/kazoo_holder.py"]) { holder in
      #expect(holder.identity.contains("__lock__"))
      #expect(holder.label == "kazoo's own word" && holder.host == nil && holder.pid == nil)
    }
  }

  // MARK: Support

  /// Has another library take a lock, one of ours wait behind it, and the other removed.
  private static func foreign(_ command: [String], _ check: (LockContender) throws -> Void) async throws {
    let servers = try await TestServers.shared.value
    let name = try uniqueName("inspect")
    let arguments = Array(command.dropFirst()) + [servers.members[0].connectString, "/\(name)"]
    #expect(try await InteroperationServerTests.run(command[0], arguments) == "held\n")
    try await TestClient.with(servers) { client in
      let inspector = ZooKeeperLockInspector(client: client.client)
      try await Self.withWaiters(1, for: name, servers) { waiters in
        let report = try await inspector.inspect(name)
        let holder = try #require(report.holder)
        try check(holder)
        #expect(holder.session?.hasPrefix("0x") == true && holder.token != nil && holder.age != nil)
        #expect(report.queue.map(\.label) == ["waiter 0"])
        #expect(try await inspector.remove(holder, from: name))
        #expect(try await waiters[0].value)
      }
    }
  }

  /// Has clients wait for a lock one behind the other; each gives it back at once when it has it.
  private static func withWaiters(
    _ count: Int,
    for name: LockName,
    _ servers: TestServers,
    _ body: ([Task<Bool, any Error>]) async throws -> Void
  ) async throws {
    var clients: [TestClient] = []
    var waiters: [Task<Bool, any Error>] = []
    for number in 0..<count {
      let client = try await TestClient.open(servers, sessionTimeout: .seconds(20)) { _ in
      } changeLocks: {
        $0.label = "waiter \(number)"
      }
      clients.append(client)
      let before = try await client.count("/\(name)")
      waiters.append(
        Task {
          try await client.lock(name).withLock(within: .seconds(30)) { $0.isHeld }
        }
      )
      try await eventuallyTrue(within: .seconds(10)) { try await client.count("/\(name)") > before }
    }
    do {
      try await body(waiters)
    } catch {
      for waiter in waiters { waiter.cancel() }
      for client in clients { await client.close() }
      throw error
    }
    for waiter in waiters { waiter.cancel() }
    for client in clients { await client.close() }
  }
}

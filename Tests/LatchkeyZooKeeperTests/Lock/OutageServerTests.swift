import Latchkey
import LatchkeyPrimitives
import LatchkeyTestSupport
import LatchkeyTesting
import LatchkeyZooKeeper
import Testing

@testable import ZooKeeper

@Suite("The ZooKeeper lock while servers die", .serialized, .timeLimit(.minutes(5)))
struct OutageServerTests {
  /// Ten tasks that wait in a known order, each of which adds its number when it holds the lock.
  private static func addWaiters(
    _ group: inout ThrowingTaskGroup<Void, any Error>,
    _ lock: any DistributedLock,
    _ served: OrderRecord
  ) {
    for index in 0..<10 {
      group.addImmediateTask {
        try await lock.withLock { held in
          #expect(held.isHeld)
          served.add(index, held.token)
        }
      }
    }
  }

  final class OrderRecord: Sendable {
    private let entries = Locked<[(index: Int, token: FencingToken?)]>([])

    func add(_ index: Int, _ token: FencingToken?) { self.entries.withLock { $0.append((index, token)) } }

    var order: [Int] { self.entries.withLock { $0.map(\.index) } }
    var tokens: [FencingToken] { self.entries.withLock { $0.compactMap(\.token) } }
  }

  @Test("a holder keeps its lease over a short outage, and ten waiters are then served in order")
  func shortOutage() async throws {
    let servers = try await TestServers.startOne()
    try await TestClient.with(servers, sessionTimeout: .seconds(30)) { client in
      try await TestClient.with(servers, sessionTimeout: .seconds(30)) { other in
        let name = try uniqueName()
        let served = OrderRecord()
        try await withThrowingTaskGroup(of: Void.self) { group in
          let lease = try await client.lock(name).acquire()
          let held = lease.held
          Self.addWaiters(&group, other.lock(name), served)
          try await eventuallyTrue(within: .seconds(10)) { try await client.count("/\(name)") == 2 }
          await servers.members[0].kill()
          try await servers.members[0].restart()
          // The lease stands all the way; its deadline moves again once the session is proven.
          #expect(held.isHeld)
          let deadline = try #require(held.deadline)
          // A session timeout from now it has moved, or the lease is lost.
          try await eventuallyTrue(within: .seconds(30)) { held.deadline.map { $0 > deadline } ?? false }
          #expect(held.isHeld)
          #expect(served.order.isEmpty)
          try await lease.release()
          try await group.waitForAll()
        }
        #expect(served.order == Array(0..<10))
        #expect(served.tokens.count == 10 && served.tokens == served.tokens.sorted())
      }
    }
    await servers.members[0].stop()
  }

  @Test("after a long outage the holder was told at its deadline, and the waiters go on by themselves")
  func longOutage() async throws {
    let servers = try await TestServers.startOne()
    try await TestClient.with(servers) { client in
      try await TestClient.with(servers) { other in
        let name = try uniqueName()
        let served = OrderRecord()
        try await withThrowingTaskGroup(of: Void.self) { group in
          let held = Shared<HeldLock?>(nil)
          group.addImmediateTask {
            await #expect {
              try await client.lock(name).withLock { view in
                held.change { $0 = view }
                // Until the loss cancels it.
                try await Task.sleep(for: .seconds(3600))
              }
            } throws: {
              LockError.Code.lockLost ~= $0
            }
          }
          try await eventuallyTrue(within: .seconds(10)) { held.value != nil }
          let holder = try #require(held.value)
          Self.addWaiters(&group, other.lock(name), served)
          try await eventuallyTrue(within: .seconds(10)) { try await client.count("/\(name)") == 2 }
          await servers.members[0].kill()
          let loss = await holder.lost
          let told = ContinuousClock.now
          #expect(loss?.code == .lockLost)
          #expect(!holder.isHeld)
          #expect(told - (try #require(holder.deadline)) < .seconds(1))
          #expect(served.order.isEmpty)
          try await servers.members[0].restart()
          try await group.waitForAll()
          #expect(!holder.isHeld)
          let tokens = served.tokens
          #expect(tokens.count == 10 && tokens == tokens.sorted())
          #expect(tokens.allSatisfy { $0 > holder.token ?? $0 })
        }
        #expect(served.order == Array(0..<10))
      }
    }
    await servers.members[0].stop()
  }

  @Test("no server at the address is an error within the connect timeout, also for a wait without end")
  func nobodyThere() async throws {
    var configuration = ZooKeeperClient.Configuration(servers: ["127.0.0.1:1"])
    configuration.connectTimeout = .seconds(1)
    let client = try ZooKeeperClient(configuration)
    client.begin()
    let lock = ZooKeeperLocks(client: client).lock(try uniqueName())
    let start = ContinuousClock.now
    let error = await failure(of: lock, within: nil)
    #expect(error?.code == .unreachable)
    #expect("\(String(describing: error))".contains("127.0.0.1:1"))
    await #expect { _ = try await lock.withLockIfAvailable { _ in } } throws: { LockError.Code.unreachable ~= $0 }
    #expect(ContinuousClock.now - start < .seconds(8))
    await client.close()
    await #expect { try await lock.withLock { _ in } } throws: { LockError.Code.closed ~= $0 }
  }

  @Test("a lock that was lost and is not let go is free again a session timeout later, though the session lives on")
  func lostAndKept() async throws {
    let servers = try await TestServers.startOne()
    try await TestClient.with(servers) { client in
      let name = try uniqueName()
      let lease = try await client.lock(name).acquire()
      let session = try client.sessionID
      await servers.members[0].kill()
      _ = await lease.held.lost
      try await servers.members[0].restart()
      try await TestClient.with(servers) { other in
        try await other.lock(name).acquire(within: .seconds(40)).release()
      }
      #expect(try client.sessionID == session)
      #expect(!lease.held.isHeld)
      await expectLost(lease)
      try await client.lock(name).acquire(within: .seconds(20)).release()
    }
    await servers.members[0].stop()
  }

  @Test("nothing is granted before the session is proven to live again, and that is not said to be somebody's lock")
  func grantsAreProven() async throws {
    let servers = try await TestServers.startOne()
    // The proof takes a sixth of this after the reconnect.
    try await TestClient.with(servers, sessionTimeout: .seconds(4)) { client in
      let name = try uniqueName()
      let holder = try await client.lock(uniqueName()).acquire()
      let session = try client.sessionID
      await servers.members[0].kill()
      _ = await holder.held.lost
      try await servers.members[0].restart()
      try await eventuallyTrue(within: .seconds(20)) { client.client.currentSession != nil }
      let start = ContinuousClock.now
      do throws(LockError) {
        try await client.lock(name).acquire(within: .milliseconds(100)).release()
        // Under load the proof may have come by now.
      } catch {
        #expect(error.code == .unreachable, "\(error)")
      }
      let lease = try await client.lock(name).acquire(within: .seconds(30))
      #expect(lease.held.isHeld)
      #expect(try client.sessionID == session)
      #expect(ContinuousClock.now - start < .seconds(30))
      try await lease.release()
      await holder.releaseQuietly()
    }
    await servers.members[0].stop()
  }

  @Test("what was proven with a longer session timeout grants nothing when a restart has shortened it")
  func shortenedTimeout() async throws {
    let servers = try await TestServers.startOne()
    let server = servers.members[0]
    let shortened = Duration.seconds(3)
    let patience = Duration.seconds(60)
    try await TestClient.with(servers, sessionTimeout: .seconds(30), patience: patience) { holder in
      try await TestClient.with(servers, sessionTimeout: .seconds(30), patience: patience) { waiter in
        let name = try uniqueName()
        let lease = try await holder.lock(name).acquire()
        let waiting = Task {
          try await waiter.lock(name).withLock(within: .seconds(60)) { ($0.deadline, ContinuousClock.now) }
        }
        try await eventuallyTrue(within: .seconds(10)) { try await holder.count("/\(name)") == 2 }
        let session = try waiter.sessionID
        for proxy in waiter.proxies { try await proxy.refuse() }
        await server.kill()
        let killed = ContinuousClock.now
        try server.launch(settings: ["maxSessionTimeout": "3000"])
        try await server.waitUntilReady()
        // The waiter's last proof is older than the new timeout, and its turn has come when it is connected again.
        try await eventuallyTrue(within: .seconds(20)) { ContinuousClock.now - killed > shortened }
        await lease.releaseQuietly()
        try await eventuallyTrue(within: patience) { try await holder.count("/\(name)") == 1 }
        let opened = ContinuousClock.now
        for proxy in waiter.proxies { try await proxy.refuse(false) }
        let (deadline, granted) = try await waiting.value
        #expect(try waiter.sessionID == session)
        let proven = try #require(deadline)
        #expect(proven > opened && proven <= granted + shortened)
        // Two heartbeats, one a sixth of the timeout after the answer to the other.
        #expect(granted - opened >= shortened / 6)
      }
    }
    await server.stop()
  }

  @Test("killing one of three servers loses neither the lease nor the waiters")
  func oneOfThree() async throws {
    let servers = try await TestServers.startThree()
    let patience = Duration.seconds(60)
    try await TestClient.with(servers, sessionTimeout: .seconds(20), patience: patience) { client in
      try await TestClient.with(servers, sessionTimeout: .seconds(20), patience: patience) { other in
        let name = try uniqueName()
        let counter = SharedCounter()
        try await withThrowingTaskGroup(of: Void.self) { group in
          for lock in [client.lock(name), other.lock(name)] {
            for _ in 0..<4 {
              group.addTask {
                for _ in 0..<25 { try await lock.withLock(within: .seconds(60)) { _ in await counter.add() } }
              }
            }
          }
          try await eventuallyTrue(within: .seconds(20)) { counter.current > 20 }
          for member in servers.members where try await member.mode() == .leader { await member.kill() }
          try await group.waitForAll()
        }
        #expect(counter.current == 200)
        #expect(try await other.count("/\(name)") == 0)
      }
    }
    for member in servers.members { await member.stop() }
  }
}

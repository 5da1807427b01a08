#if Etcd
import Dispatch
import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@testable import LatchkeyEtcd

@Suite("An etcd client that gives something up on purpose", .serialized, .timeLimit(.minutes(3)))
struct FarewellServerTests {
  /// Watches for something that does not happen, and waits until the servers have said that they do too.
  private static func watch(_ client: EtcdClient, _ name: LockName) async throws {
    let isSet = Shared(false)
    _ = client.watches.add(.deletion(Array("\(name)/nobody".utf8))) { event in
      if case .set = event { isSet.change { $0 = true } }
    }
    try await eventuallyTrue(within: .seconds(5)) { isSet.value }
  }

  @Test("keeps its connection when a session ends and another begins")
  func sessionEnds() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers, sessionTimeout: .seconds(3)) { client in
      let name = try uniqueName()
      try await Self.watch(client.client, name)
      let before = try client.lease
      try await servers.members[0].revokeLease(before)
      // The next keep-alive finds it out.
      try await eventuallyTrue(within: .seconds(10)) {
        client.client.keeper.session.map { $0.lease != before } ?? false
      }
      try await client.lock(name).acquire(within: .seconds(5)).release()
      #expect(await client.proxies[0].counters.accepted == 1)
    }
  }

  @Test("waits for a lease that is being granted when it is closed, and ends it")
  func closeWhileGranting() async throws {
    try await withEtcd { server in
      try await TestClient.with(TestServers(members: [server]), sessionTimeout: .seconds(60)) { client in
        // Answers come late, the one about the next lease too.
        for proxy in client.proxies { await proxy.delay(.milliseconds(500), .serverToClient) }
        client.client.keeper.leaseGone(try #require(client.client.keeper.session))
        try await eventuallyTrue(within: .seconds(5)) {
          try await server.metric("etcd_debugging_lease_granted_total") == 2
        }
        #expect(client.client.keeper.session == nil)
        await client.client.close()
        #expect(try await server.metric("etcd_debugging_lease_revoked_total") == 2)
      }
    }
  }

  @Test("says farewell on the connection that it has, and leaves no key")
  func close() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers, sessionTimeout: .seconds(60)) { client in
      let name = try uniqueName()
      try await Self.watch(client.client, name)
      let lease = try await client.lock(name).acquire(within: .seconds(5))
      await client.client.close()
      #expect(await client.proxies[0].counters.accepted == 1)
      #expect(try await servers.members[0].countKeys(under: "\(name)/") == 0)
      await lease.releaseQuietly()
    }
  }

  @Test("waits for the end of its session although another thread is busy telling of its beginning")
  func closeWhileBeginning() async throws {
    let servers = try await TestServers.shared.value
    var configuration = EtcdClient.Configuration(endpoints: servers.endpoints)
    configuration.sessionTimeout = .seconds(60)
    let client = try EtcdClient(configuration)
    let began = Shared<Int64?>(nil)
    let goOn = DispatchSemaphore(value: 0)
    _ = client.keeper.addObserver { event in
      guard case .began(let session) = event else { return }
      began.change { $0 = session.lease }
      goOn.wait()
    }
    client.begin()
    let isThere = try await eventually(within: .seconds(10)) { began.value != nil }
    let isClosed = Shared(false)
    let closing = Task {
      await client.close()
      isClosed.change { $0 = true }
    }
    let isEarly = try await eventually(within: .milliseconds(300)) { isClosed.value }
    // The thread goes on in any case: others need it.
    goOn.signal()
    await closing.value
    #expect(isThere && !isEarly)
    let lease = String(UInt64(bitPattern: try #require(began.value)), radix: 16)
    let leases = try await Etcdctl.run(["lease", "list"], endpoint: servers.endpoints[0])
    #expect(!leases.contains(lease), "\(leases)")
  }
}
#endif

#if Etcd
import Latchkey
import LatchkeyTesting
import Testing

@testable import LatchkeyEtcd

@Suite("An etcd client that gives something up on purpose", .serialized, .timeLimit(.minutes(3)))
struct FarewellTests {
  /// Watches for something that does not happen, and waits until the servers have said that they do too.
  private static func watch(_ client: EtcdClient, _ name: LockName) async throws {
    let isSet = Shared(false)
    _ = client.watches.add(.deletion(Array("\(name)/nobody".utf8))) { event in
      if case .set = event { isSet.change { $0 = true } }
    }
    try await waitUntil(within: .seconds(5)) { isSet.value }
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
      try await waitUntil(within: .seconds(10)) { client.client.keeper.session.map { $0.lease != before } ?? false }
      try await client.lock(name).acquire(within: .seconds(5)).release()
      #expect(await client.proxies[0].counters.accepted == 1)
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
}
#endif

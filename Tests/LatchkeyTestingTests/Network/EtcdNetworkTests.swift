import LatchkeyTestSupport
import LatchkeyTesting
import Testing

extension RealServerTests {
  @Suite
  struct EtcdNetworkTests {
    @Test func `a leader that is cut off from the others is replaced, and knows its place when it is back`()
      async throws
    {
      try await withEtcdCluster(hasNetwork: true) { cluster in
        let network = try #require(cluster.network)
        let first = try await cluster.leader()
        let others = cluster.members.filter { $0 !== first }
        try await network.isolate(try #require(cluster.members.firstIndex { $0 === first }))
        try await eventuallyTrue {
          for other in others where try await other.isLeader() { return true }
          return false
        }
        #expect(await network.lostBytes > 0)
        await network.heal()
        try await eventuallyTrue { try await !first.isLeader() }
        try await cluster.waitUntilReady()
      }
    }

    @Test func `members that nobody cuts off go on while another is cut off`() async throws {
      try await withEtcdCluster(hasNetwork: true) { cluster in
        let network = try #require(cluster.network)
        let leader = try await cluster.leader()
        let place = try #require(cluster.members.firstIndex { $0 !== leader })
        try await network.isolate(place)
        // The leader writes only with the other member's help.
        #expect(try await leader.countKeys(under: "a/") == 0)
        #expect(try await leader.isLeader())
        await network.heal()
        try await cluster.waitUntilReady()
      }
    }
  }
}

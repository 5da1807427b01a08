import LatchkeyTestSupport
import LatchkeyTesting
import Testing

extension RealServerTests {
  @Suite
  struct ZooKeeperNetworkTests {
    @Test func `a follower that is cut off from its leader still answers its own clients, and what it knows is old`()
      async throws
    {
      try await withZooKeeperEnsemble(hasNetwork: true) { ensemble in
        let network = try #require(ensemble.network)
        let follower = try #require(await ensemble.followers().first)
        let leader = try await ensemble.leader()
        let place = try #require(ensemble.members.firstIndex { $0 === follower })
        let own = try RawZooKeeper(port: follower.port)
        #expect(try !own.exists("/news"))
        await network.isolate(place)
        // The leader and the third member are enough to accept it.
        try RawZooKeeper(port: leader.port).create("/news")
        #expect(try !own.exists("/news"))
        #expect(await network.lostBytes > 0)
        await network.heal()
        try await eventuallyTrue { (try? RawZooKeeper(port: follower.port).exists("/news")) == true }
      }
    }

    // Who leads meanwhile is open: votes still pass, so the one that is cut off may win each election and lead nobody.
    @Test func `a leader that is cut off leads no more, and all are one ensemble when it is back`() async throws {
      try await withZooKeeperEnsemble(hasNetwork: true) { ensemble in
        let network = try #require(ensemble.network)
        let first = try await ensemble.leader()
        await network.isolate(try #require(ensemble.members.firstIndex { $0 === first }))
        try await eventuallyTrue {
          do {
            return try await first.mode(within: .seconds(1)) != .leader
          } catch {
            return false
          }
        }
        await network.heal()
        try await ensemble.waitUntilReady()
        try await eventuallyTrue { await ensemble.followers().count == 2 }
        try RawZooKeeper(port: first.port).create("/together")
      }
    }
  }
}

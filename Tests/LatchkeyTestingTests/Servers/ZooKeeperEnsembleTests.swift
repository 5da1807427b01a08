import LatchkeyTestSupport
import LatchkeyTesting
import Testing

extension RealServerTests {
  @Suite
  struct ZooKeeperEnsembleTests {
    @Test func `an ensemble has one leader, and the others follow`() async throws {
      try await withZooKeeperEnsemble { ensemble in
        let leader = try await ensemble.leader()
        let followers = await ensemble.followers()
        #expect(followers.count == 2)
        #expect(!followers.contains { $0 === leader })
        #expect(ensemble.connectString.split(separator: ",").count == 3)
      }
    }

    @Test func `an ensemble outlives its leader, keeps what it accepted and takes the member back`() async throws {
      try await withZooKeeperEnsemble { ensemble in
        let first = try await ensemble.leader()
        try RawZooKeeper(port: first.port).create("/kept")
        await first.kill()
        let second = try await ensemble.leader()
        #expect(second !== first)
        #expect(try RawZooKeeper(port: second.port).exists("/kept"))
        try await first.restart()
        #expect(try await first.mode() == .follower)
      }
    }

    @Test func `nothing is left of a stopped ensemble`() async throws {
      let ensemble = try await ZooKeeperEnsemble.start()
      let processes = ensemble.members.compactMap(\.processID)
      #expect(processes.count == 3)
      try ensemble.members[0].pause()
      await ensemble.members[1].kill()
      await ensemble.stop()
      for process in processes { #expect(!isAlive(process)) }
      for member in ensemble.members { #expect(!exists(member.folder)) }
    }
  }
}

import Testing

@testable import LatchkeyCLI

@Suite("The judgement of ZooKeeper servers")
struct ZooKeeperJudgementTests {
  private func server(_ number: Int, mode: String = "follower", version: ServerVersion? = ServerVersion(3, 9, 3))
    -> ZooKeeperServerFacts
  {
    ZooKeeperServerFacts(server: "zk\(number):2181", version: version, mode: mode, tick: .seconds(2), voters: 3)
  }

  private func findings(
    _ servers: [ZooKeeperServerFacts]? = nil,
    _ change: (inout ZooKeeperFacts) -> Void = { _ in }
  ) -> [String: Finding.Level] {
    var facts = ZooKeeperFacts(
      servers: servers ?? (1...3).map { self.server($0) },
      askedTimeout: .seconds(30),
      sessionTimeout: .seconds(30),
      clientTick: .seconds(2)
    )
    change(&facts)
    // The worst of each kind.
    return Dictionary(ZooKeeperJudgement(facts: facts).findings.map { ($0.check, $0.level) }, uniquingKeysWith: max)
  }

  @Test("has nothing to object to in an ensemble of three with time enough")
  func fine() {
    #expect(Set(self.findings().values) == [.ok])
  }

  @Test("minds the session timeout against the tick")
  func time() {
    #expect(self.findings { $0.sessionTimeout = .milliseconds(7999) }["session"] == .danger)
    #expect(self.findings { ($0.sessionTimeout, $0.askedTimeout) = (.seconds(8), .seconds(8)) }["session"] == .ok)
    #expect(self.findings { $0.sessionTimeout = .seconds(40) }["session"] == .note)
    #expect(self.findings { $0.clientTick = .seconds(1) }["tick"] == .warning)
    #expect(self.findings { $0.clientTick = .seconds(3) }["tick"] == .note)
    let unknown = self.findings { facts in for place in 0..<3 { facts.servers[place].tick = nil } }
    #expect(unknown["tick"] == .note && unknown["session"] == .ok)
  }

  @Test("wants eight ticks behind an observer")
  func observer() {
    let servers = [self.server(1), self.server(2), self.server(3, mode: "observer")]
    #expect(self.findings(servers)["session"] == .ok)
    #expect(self.findings(servers)["mode"] == .note)
    #expect(
      self.findings(servers) { ($0.sessionTimeout, $0.askedTimeout) = (.seconds(15), .seconds(15)) }["session"]
        == .warning
    )
  }

  @Test("finds servers that stand alone beside one another, and those that nobody has named")
  func ensemble() {
    #expect(self.findings([self.server(1, mode: "standalone")])["ensemble"] == .note)
    #expect(
      self.findings([self.server(1, mode: "standalone"), self.server(2, mode: "standalone")])["ensemble"] == .danger
    )
    #expect(self.findings([self.server(1)])["ensemble"] == .note)
    #expect(self.findings { facts in for place in 0..<3 { facts.servers[place].voters = 4 } }["ensemble"] == .note)
    #expect(self.findings([self.server(1), self.server(2, mode: "read-only")])["mode"] == .warning)
    var silent = ZooKeeperServerFacts(server: "zk4:2181")
    silent.failure = "refused"
    #expect(self.findings([self.server(1), silent])["reachable"] == .warning)
  }

  @Test(
    "knows versions with defects",
    arguments: [
      (ServerVersion(3, 4, 14), Finding.Level.danger), (ServerVersion(3, 5, 10), .ok),
      (ServerVersion(3, 6, 3), .warning),
      (ServerVersion(3, 6, 4), .ok), (ServerVersion(3, 7, 1), .warning), (ServerVersion(3, 8, 0), .warning),
      (ServerVersion(3, 8, 1), .ok), (ServerVersion(3, 9, 0), .ok),
    ]
  )
  func version(version: ServerVersion, level: Finding.Level) {
    #expect(self.findings([self.server(1, version: version)])["version"] == level)
  }

  @Test("reads what the servers answer, and what they refuse to")
  func words() {
    var facts = ZooKeeperServerFacts(server: "zk1:2181")
    facts.read(
      srvr:
        "Zookeeper version: 3.8.0-5a02a05eddb59aee6ac762f7ea82e92a68eb9c0f, built on 2022-02-25\nLatency: 0/0\nMode: leader\n"
    )
    #expect(facts.version == ServerVersion(3, 8, 0) && facts.mode == "leader")
    facts.read(
      conf:
        "clientPort=2181\ntickTime=2000\nminSessionTimeout=4000\nmembership: \nserver.1=a:2888:3888:participant\nserver.2=b:2888:3888:participant\nserver.3=c:2888:3888:observer\n"
    )
    #expect(facts.tick == .seconds(2) && facts.voters == 2)
    facts.read(isro: "rw")
    #expect(facts.mode == "leader")
    facts.read(isro: "ro")
    #expect(facts.mode == "read-only")
    var silent = ZooKeeperServerFacts(server: "zk1:2181")
    silent.read(srvr: "srvr is not executed because it is not in the whitelist.\n")
    silent.read(conf: "conf is not executed because it is not in the whitelist.\n")
    #expect(silent == ZooKeeperServerFacts(server: "zk1:2181"))
  }
}

import Testing

@testable import LatchkeyCLI

@Suite("The judgement of a Redis server")
struct RedisJudgementTests {
  /// A server with nothing to object to.
  private var good: RedisFacts {
    var facts = RedisFacts(server: "r1:6379")
    facts.info = [
      "redis_version": "7.0.15", "run_id": "a", "redis_mode": "standalone", "role": "master", "connected_slaves": "0",
      "maxmemory": "0", "maxmemory_policy": "noeviction", "aof_enabled": "1",
    ]
    facts.settings = ["appendfsync": "always", "save": ""]
    return facts
  }

  private func levels(_ facts: RedisFacts, isVoter: Bool = false) -> [String: Finding.Level] {
    let findings = RedisJudgement(facts: facts, isVoter: isVoter).findings
    return Dictionary(uniqueKeysWithValues: findings.map { ($0.check, $0.level) })
  }

  @Test("has nothing to object to in one that forgets nothing")
  func fine() {
    #expect(Set(self.levels(self.good).values) == [.ok])
    #expect(CheckReport(backend: "redis", servers: "r1:6379", RedisJudgement(facts: self.good).findings).isGood)
  }

  @Test(
    "objects to what makes locks unsafe",
    arguments: [
      (["maxmemory": "1000", "maxmemory_policy": "allkeys-lru"], "eviction", Finding.Level.danger),
      (["maxmemory": "1000", "maxmemory_policy": "volatile-ttl"], "eviction", .danger),
      (["maxmemory_policy": "allkeys-lru"], "eviction", .note), (["maxmemory": "1000"], "eviction", .ok),
      (["connected_slaves": "1"], "replication", .warning), (["role": "slave"], "replication", .danger),
      (["redis_mode": "cluster"], "mode", .warning), (["redis_mode": "sentinel"], "mode", .danger),
      (["redis_version": "4.0.14"], "version", .danger), (["redis_version": "6.0.16"], "version", .note),
      (["redis_version": "next"], "version", .note), (["aof_enabled": "0"], "persistence", .warning),
    ]
  )
  func objections(change: [String: String], check: String, level: Finding.Level) {
    var facts = self.good
    facts.info.merge(change) { $1 }
    #expect(self.levels(facts)[check] == level)
    #expect(self.levels(facts).filter { $0.value != .ok }.count <= 1)
  }

  @Test(
    "weighs what a restart forgets, alone and in a quorum",
    arguments: [
      ("0", ["save": ""], Finding.Level.warning), ("0", ["save": "3600 1"], .note), ("0", [:], .warning),
      ("1", ["appendfsync": "everysec"], .note), ("1", ["appendfsync": "no"], .warning),
      ("1", ["appendfsync": "always"], .ok),
    ]
  )
  func persistence(log: String, settings: [String: String], level: Finding.Level) {
    var facts = self.good
    facts.info["aof_enabled"] = log
    facts.settings = settings
    #expect(self.levels(facts)["persistence"] == level)
    #expect(self.levels(facts, isVoter: true)["persistence"] == (level == .ok ? .ok : .note))
  }

  @Test("says what is not known, and that an open server is one")
  func unknown() {
    var facts = RedisFacts(server: "r1:6379", isOpen: true)
    let levels = self.levels(facts)
    #expect(levels["version"] == .note && levels["eviction"] == .note && levels["access"] == .note)
    facts.failure = "refused"
    #expect(self.levels(facts) == ["reachable": .warning])
  }

  @Test("reads the fields of INFO")
  func info() {
    let fields = RedisFacts.fields(
      ofInfo:
        "# Server\r\nredis_version:7.0.15\r\n\r\n# Replication\r\nrole:master\r\nslave0:ip=a,port=1\r\nmaster_host:\r\n"
    )
    #expect(fields == ["redis_version": "7.0.15", "role": "master", "slave0": "ip=a,port=1", "master_host": ""])
  }

  // MARK: Redlock

  private func quorum(_ count: Int, _ change: (inout [RedisFacts]) -> Void = { _ in }) -> [String: Finding.Level] {
    var servers = (0..<count).map { number in
      var facts = self.good
      facts.server = "r\(number):6379"
      facts.info["run_id"] = "\(number)"
      facts.clockLead = .milliseconds(number)
      return facts
    }
    change(&servers)
    let findings = RedlockJudgement(servers: servers).findings.filter { $0.server == nil }
    return Dictionary(uniqueKeysWithValues: findings.map { ($0.check, $0.level) })
  }

  @Test(
    "of a Redlock minds how many servers there are",
    arguments: [(1, Finding.Level.warning), (2, .warning), (3, .ok), (4, .note), (5, .ok)]
  )
  func count(servers: Int, level: Finding.Level) {
    #expect(self.quorum(servers)["servers"] == level)
  }

  @Test("of a Redlock finds one server behind two addresses, and clocks that are apart")
  func independence() {
    #expect(self.quorum(3) == ["servers": .ok, "independence": .ok, "clocks": .ok])
    #expect(self.quorum(3) { $0[2].info["run_id"] = "0" }["independence"] == .danger)
    #expect(self.quorum(3) { $0[1].clockLead = .seconds(-2) }["clocks"] == .warning)
    #expect(self.quorum(3) { servers in for place in 0..<3 { servers[place].clockLead = nil } }["clocks"] == nil)
  }
}

import Testing

@testable import LatchkeyCLI
@testable import LatchkeyEtcd

@Suite("The judgement of an etcd cluster")
struct EtcdJudgementTests {
  private static func member(_ endpoint: String, version: String = "3.5.17") -> EtcdSurvey.Member {
    EtcdSurvey.Member(endpoint: endpoint, version: version, cluster: 7, hasLeader: true)
  }

  private func findings(_ change: (inout EtcdSurvey) -> Void = { _ in }) -> [String: Finding.Level] {
    var state = EtcdSurvey(
      members: (1...3).map { Self.member("e\($0):2379") },
      voters: 3,
      alarms: [],
      asksForUsers: true
    )
    change(&state)
    return Dictionary(EtcdJudgement(state: state).findings.map { ($0.check, $0.level) }, uniquingKeysWith: max)
  }

  @Test("has nothing to object to in three members of a good version")
  func fine() {
    #expect(Set(self.findings().values) == [.ok])
  }

  @Test(
    "knows versions with defects",
    arguments: [
      ("3.3.27", Finding.Level.danger), ("3.4.23", .danger), ("3.4.30", .danger), ("3.4.31", .ok), ("3.5.0", .danger),
      ("3.5.12", .danger), ("3.5.13", .ok), ("3.6.0", .ok), ("", .note),
    ]
  )
  func version(version: String, level: Finding.Level) {
    #expect(self.findings { $0.members[1].version = version }["version"] == level)
  }

  @Test("knows that a leader without followers is never deposed")
  func alone() {
    let alone = self.findings { state in
      state.members = [Self.member("e1:2379", version: "3.4.23")]
      state.voters = 1
    }
    #expect(alone["version"] == .warning && alone["members"] == .note)
  }

  @Test("minds members, alarms, users, and endpoints of different clusters")
  func cluster() {
    #expect(self.findings { $0.voters = 4 }["members"] == .note)
    #expect(self.findings { $0.voters = nil }["members"] == .note)
    #expect(self.findings { $0.alarms = [.noSpace] }["alarms"] == .warning)
    #expect(self.findings { $0.alarms = [.noSpace, .corrupt] }["alarms"] == .danger)
    #expect(self.findings { $0.alarms = nil }["alarms"] == .note)
    #expect(self.findings { $0.asksForUsers = false }["access"] == .note)
    #expect(self.findings { $0.members[2].cluster = 8 }["cluster"] == .danger)
    #expect(self.findings { $0.members[2].hasLeader = false }["leader"] == .warning)
    #expect(self.findings { $0.members[2].isLearner = true }["learner"] == .warning)
    #expect(self.findings { $0.members[2].failure = "refused" }["reachable"] == .warning)
  }

  @Test("asks for members that vote, not for another user, where only a learner has answered")
  func learnerAlone() {
    var member = Self.member("e1:2379")
    member.isLearner = true
    let state = EtcdSurvey(members: [member], voters: nil, alarms: nil, asksForUsers: nil)
    let remedies = EtcdJudgement(state: state).findings.compactMap(\.remedy)
    #expect(remedies.contains { $0.contains("members that vote") } && !remedies.contains { $0.contains("log in") })
  }
}

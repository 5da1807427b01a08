#if Etcd
internal import LatchkeyEtcd

/// What the facts about an etcd cluster mean for locks.
struct EtcdJudgement {
  let state: EtcdSurvey

  var findings: [Finding] {
    [self.unity, self.size, self.alarms, self.access]
      + self.state.members.flatMap { member in self.findings(member).map { $0.on(member.endpoint) } }
  }

  // MARK: Members

  private func findings(_ member: EtcdSurvey.Member) -> [Finding] {
    if let failure = member.failure { return [.unreachable("member", failure)] }
    var findings = [self.version(member)]
    if !member.hasLeader {
      findings.append(
        Finding(.warning, "leader", "it sees no leader: it can grant nothing and keep no lease alive")
          .remedy("see that a majority of the members runs and can reach one another")
      )
    }
    if member.isLearner {
      findings.append(
        Finding(.warning, "learner", "it is a learner, which has no vote and serves no locks")
          .remedy("name members that vote, or promote it: etcdctl member promote")
      )
    }
    return findings
  }

  private func version(_ member: EtcdSurvey.Member) -> Finding {
    let check = "version"
    guard let version = ServerVersion(member.version) else {
      return Finding(.note, check, "the member does not tell its version")
    }
    if version < ServerVersion(3, 4) {
      return Finding(.danger, check, "etcd \(version) is older than what Latchkey speaks to")
        .remedy("run etcd 3.5.13 or newer")
    }
    if version >= ServerVersion(3, 5), version < ServerVersion(3, 5, 3) {
      return Finding(
        .danger,
        check,
        "etcd \(version) can lose its data's consistency when it is killed, and with it locks"
      )
      .remedy("run etcd 3.5.13 or newer")
    }
    if version.revokesWhenDeposed {
      // Where there is one member alone, nobody is ever deposed.
      let level: Finding.Level = self.state.voters == 1 ? .warning : .danger
      let defect = "etcd \(version) has the defect etcd-io/etcd#15247"
      let effect = "a leader that was deposed can revoke leases that are alive, and what they lock is granted again"
      return Finding(level, check, "\(defect): \(effect)")
        .remedy("run etcd 3.4.31, 3.5.13 or newer; until then have the resource check fencing tokens")
    }
    return Finding(.ok, check, "etcd \(version)")
  }

  // MARK: Cluster

  private var unity: Finding {
    let clusters = Dictionary(grouping: self.state.members.filter { $0.failure == nil }, by: \.cluster)
    guard clusters.count > 1 else { return Finding(.ok, "cluster", "all that answer are of one cluster") }
    let sides = clusters.values.map { $0.map(\.endpoint).joined(separator: " and ") }.sorted()
    return Finding(
      .danger,
      "cluster",
      "the endpoints are of \(clusters.count) clusters (\(sides.joined(separator: "; "))), each with locks of its own"
    )
    .remedy("name the members of one cluster only")
  }

  /// What to do if something could not be read: learners refuse to answer.
  private var remedyForSilence: String {
    let hasVoter = self.state.members.contains { $0.failure == nil && !$0.isLearner }
    return hasVoter ? "log in as a user who may" : "name members that vote"
  }

  private var size: Finding {
    guard let voters = self.state.voters else {
      return Finding(.note, "members", "the number of members could not be read")
        .remedy(self.remedyForSilence)
    }
    if voters == 1 {
      return Finding(.note, "members", "one member: when it fails, no lock can be had until it is back")
        .remedy("run three or five members")
    }
    return .size("members", voters, "members")
  }

  private var alarms: Finding {
    guard let alarms = self.state.alarms else {
      return Finding(.note, "alarms", "alarms could not be read")
        .remedy(self.remedyForSilence)
    }
    if alarms.contains(.corrupt) {
      return Finding(.danger, "alarms", "CORRUPT: the members disagree about their data, and so about who holds what")
        .remedy("replace the member that is wrong, then: etcdctl alarm disarm")
    }
    if alarms.contains(.noSpace) {
      return Finding(.warning, "alarms", "NOSPACE: the store is full, so no lock can be had")
        .remedy("etcdctl compact, etcdctl defrag, then: etcdctl alarm disarm")
    }
    guard alarms.isEmpty else {
      return Finding(.warning, "alarms", "an alarm is raised")
        .remedy("etcdctl alarm list")
    }
    return Finding(.ok, "alarms", "no alarm")
  }

  private var access: Finding {
    switch self.state.asksForUsers {
    case true: Finding(.ok, "access", "users are asked for")
    case false:
      Finding(.note, "access", "no user is asked for: any client that reaches a member can delete a lock")
        .remedy("etcdctl auth enable, and a role for the locks' prefix")
    case nil: Finding(.note, "access", "whether users are asked for could not be found out")
    }
  }
}

extension ServerVersion {
  /// Whether this version of etcd has issue 15247, which 3.4.31 and 3.5.13 mended.
  var revokesWhenDeposed: Bool {
    self < ServerVersion(3, 4, 31) || (self >= ServerVersion(3, 5) && self < ServerVersion(3, 5, 13))
  }
}
#endif

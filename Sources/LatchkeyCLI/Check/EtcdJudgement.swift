/// What one member of an etcd cluster says about itself.
struct EtcdMember: Hashable, Sendable {
  var server: String
  var version: String = ""
  var id: UInt64 = 0
  var cluster: UInt64 = 0
  var hasLeader = true
  /// Whether it has no vote yet.
  var isLearner = false
  /// Why there is no answer; then nothing else is known.
  var failure: String?
}

/// What an etcd cluster says about itself.
struct EtcdState: Hashable, Sendable {
  enum Alarm: Hashable, Sendable {
    case noSpace
    case corrupt
    case other
  }

  var members: [EtcdMember]
  /// How many members have a vote; nil if that could not be read.
  var voters: Int?
  /// Nil if they could not be read.
  var alarms: [Alarm]?
  /// Whether users and passwords are asked for; nil if that could not be found out.
  var asksForUsers: Bool?
}

/// What the facts about an etcd cluster mean for locks.
struct EtcdJudgement {
  let state: EtcdState

  var findings: [Finding] {
    [self.unity, self.size, self.alarms, self.access] + self.state.members.flatMap(self.findings)
  }

  // MARK: Members

  private func findings(_ member: EtcdMember) -> [Finding] {
    if let failure = member.failure {
      return [
        Finding(
          .warning,
          "reachable",
          on: member.server,
          "it does not answer (\(failure)): one more failure and there may be no majority",
          remedy: "start the member, or check its address and the network"
        )
      ]
    }
    let leader =
      member.hasLeader
      ? []
      : [
        Finding(
          .warning,
          "leader",
          on: member.server,
          "it sees no leader: it can grant nothing and keep no lease alive",
          remedy: "see that a majority of the members runs and can reach one another"
        )
      ]
    let learner =
      member.isLearner
      ? [
        Finding(
          .warning,
          "learner",
          on: member.server,
          "it is a learner, which has no vote and serves no locks",
          remedy: "name members that vote, or promote it: etcdctl member promote"
        )
      ]
      : []
    return [self.version(member)] + leader + learner
  }

  private func version(_ member: EtcdMember) -> Finding {
    let check = "version"
    guard let version = ServerVersion(member.version) else {
      return Finding(.note, check, on: member.server, "the member does not tell its version")
    }
    if version < ServerVersion(3, 4) {
      return Finding(
        .danger,
        check,
        on: member.server,
        "etcd \(version) is older than what Latchkey speaks to",
        remedy: "run etcd 3.5.13 or newer"
      )
    }
    if version >= ServerVersion(3, 5), version < ServerVersion(3, 5, 3) {
      return Finding(
        .danger,
        check,
        on: member.server,
        "etcd \(version) can lose its data's consistency when it is killed, and with it locks",
        remedy: "run etcd 3.5.13 or newer"
      )
    }
    if version < ServerVersion(3, 4, 31) || (version >= ServerVersion(3, 5) && version < ServerVersion(3, 5, 13)) {
      return Finding(
        // Where there is one member alone, nobody is ever deposed.
        self.state.voters == 1 ? .warning : .danger,
        check,
        on: member.server,
        "etcd \(version) has the defect etcd-io/etcd#15247: a leader that was deposed can revoke leases that are alive, "
          + "and what they lock is granted again",
        remedy: "run etcd 3.4.31, 3.5.13 or newer; until then have the resource check fencing tokens"
      )
    }
    return Finding(.ok, check, on: member.server, "etcd \(version)")
  }

  // MARK: Cluster

  private var unity: Finding {
    let clusters = Dictionary(grouping: self.state.members.filter { $0.failure == nil }, by: \.cluster)
    guard clusters.count > 1 else { return Finding(.ok, "cluster", on: nil, "all that answer are of one cluster") }
    let sides = clusters.values.map { $0.map(\.server).joined(separator: " and ") }.sorted()
    return Finding(
      .danger,
      "cluster",
      on: nil,
      "the endpoints are of \(clusters.count) clusters (\(sides.joined(separator: "; "))), each with locks of its own",
      remedy: "name the members of one cluster only"
    )
  }

  /// What to do if something could not be read: learners refuse to answer.
  private var remedyForSilence: String {
    let hasVoter = self.state.members.contains { $0.failure == nil && !$0.isLearner }
    return hasVoter ? "log in as a user who may" : "name members that vote"
  }

  private var size: Finding {
    guard let voters = self.state.voters else {
      return Finding(
        .note,
        "members",
        on: nil,
        "the number of members could not be read",
        remedy: self.remedyForSilence
      )
    }
    if voters == 1 {
      return Finding(
        .note,
        "members",
        on: nil,
        "one member: when it fails, no lock can be had until it is back",
        remedy: "run three or five members"
      )
    }
    if voters.isMultiple(of: 2) {
      return Finding(
        .note,
        "members",
        on: nil,
        "\(voters) members survive no more failures than \(voters - 1)",
        remedy: "run \(voters - 1) or \(voters + 1)"
      )
    }
    return Finding(.ok, "members", on: nil, "\(voters) members, of which \(voters / 2) may fail")
  }

  private var alarms: Finding {
    guard let alarms = self.state.alarms else {
      return Finding(.note, "alarms", on: nil, "alarms could not be read", remedy: self.remedyForSilence)
    }
    if alarms.contains(.corrupt) {
      return Finding(
        .danger,
        "alarms",
        on: nil,
        "CORRUPT: the members disagree about their data, and so about who holds what",
        remedy: "replace the member that is wrong, then: etcdctl alarm disarm"
      )
    }
    if alarms.contains(.noSpace) {
      return Finding(
        .warning,
        "alarms",
        on: nil,
        "NOSPACE: the store is full, so no lock can be had",
        remedy: "etcdctl compact, etcdctl defrag, then: etcdctl alarm disarm"
      )
    }
    guard alarms.isEmpty else {
      return Finding(.warning, "alarms", on: nil, "an alarm is raised", remedy: "etcdctl alarm list")
    }
    return Finding(.ok, "alarms", on: nil, "no alarm")
  }

  private var access: Finding {
    switch self.state.asksForUsers {
    case true: Finding(.ok, "access", on: nil, "users are asked for")
    case false:
      Finding(
        .note,
        "access",
        on: nil,
        "no user is asked for: any client that reaches a member can delete a lock",
        remedy: "etcdctl auth enable, and a role for the locks' prefix"
      )
    case nil: Finding(.note, "access", on: nil, "whether users are asked for could not be found out")
    }
  }
}

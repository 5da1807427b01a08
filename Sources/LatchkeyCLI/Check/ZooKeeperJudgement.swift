internal import Latchkey

/// What the facts about ZooKeeper servers mean for locks.
struct ZooKeeperJudgement {
  let facts: ZooKeeperFacts

  /// Below so many ticks the library refuses to lock, and behind an observer below twice as many.
  static let ticksPerSession = 4.0

  var findings: [Finding] {
    [self.session, self.tick] + self.ensemble + self.facts.servers.flatMap(self.findings)
  }

  private var answering: [ZooKeeperServerFacts] { self.facts.servers.filter { $0.failure == nil } }

  /// The servers' tick: the largest that one of them tells.
  private var knownTick: Duration? { self.facts.servers.compactMap(\.tick).max() }

  // MARK: Time

  private var session: Finding {
    let check = "session"
    let timeout = self.facts.sessionTimeout
    let tick = self.knownTick ?? self.facts.clientTick
    let ratio = timeout / tick
    let count = ratio == ratio.rounded() ? Figures.grouped(Int(ratio)) : Figures.number(ratio)
    let ticks = "\(count) ticks of \(DurationText.format(tick))"
    let sawObserver = self.answering.contains { $0.mode == "observer" }
    let needed = sawObserver ? Self.ticksPerSession * 2 : Self.ticksPerSession
    if ratio < needed {
      let why = sawObserver ? " (eight are needed behind an observer)" : " (four are needed)"
      return Finding(
        ratio < Self.ticksPerSession ? .danger : .warning,
        check,
        on: nil,
        "a session timeout of \(DurationText.format(timeout)) is \(ticks)\(why): too short to prove in time that a session lives",
        remedy: "give a longer --session-timeout, and see that maxSessionTimeout of the servers allows it"
      )
    }
    guard timeout == self.facts.askedTimeout else {
      return Finding(
        .note,
        check,
        on: nil,
        "\(DurationText.format(self.facts.askedTimeout)) were asked for, the servers give \(DurationText.format(timeout)), \(ticks)",
        remedy: "change minSessionTimeout or maxSessionTimeout of the servers, or ask for what they give"
      )
    }
    return Finding(.ok, check, on: nil, "a session timeout of \(DurationText.format(timeout)) is \(ticks)")
  }

  private var tick: Finding {
    let check = "tick"
    let assumed = DurationText.format(self.facts.clientTick)
    guard let tick = self.knownTick else {
      return Finding(
        .note,
        check,
        on: nil,
        "the servers' tickTime could not be read; \(assumed) is assumed",
        remedy: "compare it with the servers' configuration, give it with --tick, or add conf to 4lw.commands.whitelist"
      )
    }
    guard tick != self.facts.clientTick else {
      return Finding(.ok, check, on: nil, "tickTime is \(assumed), as assumed")
    }
    let isShort = self.facts.clientTick < tick
    return Finding(
      isShort ? .warning : .note,
      check,
      on: nil,
      "tickTime is \(DurationText.format(tick)), but clients without a setting assume \(assumed)"
        + (isShort ? ": they accept session timeouts that are too short" : ""),
      remedy: "give clients --tick \(DurationText.format(tick)), in programs the client's tick"
    )
  }

  // MARK: Together

  private var ensemble: [Finding] {
    let check = "ensemble"
    let alone = self.answering.filter { $0.mode == "standalone" }
    if alone.count > 1 {
      let names = alone.map(\.server).joined(separator: " and ")
      return [
        Finding(
          .danger,
          check,
          on: nil,
          "\(names) are servers of their own, each with locks of its own: two clients can hold one lock",
          remedy: "name the members of one ensemble only"
        )
      ]
    }
    if !alone.isEmpty {
      return [
        Finding(
          .note,
          check,
          on: nil,
          "one server alone: when it fails, no lock can be had until it is back",
          remedy: "run an ensemble of three or five"
        )
      ]
    }
    guard let voters = self.facts.servers.compactMap(\.voters).max(), voters > 0 else { return [] }
    if voters.isMultiple(of: 2) {
      return [
        Finding(
          .note,
          check,
          on: nil,
          "\(voters) members with a vote survive no more failures than \(voters - 1)",
          remedy: "run \(voters - 1) or \(voters + 1)"
        )
      ]
    }
    guard self.facts.servers.count >= voters else {
      return [
        Finding(
          .note,
          check,
          on: nil,
          "the ensemble has \(voters) members with a vote, the URL names \(self.facts.servers.count)",
          remedy: "name all of them, so that a client finds another when its own fails"
        )
      ]
    }
    return [Finding(.ok, check, on: nil, "\(voters) members with a vote, of which \(voters / 2) may fail")]
  }

  // MARK: Each

  private func findings(_ facts: ZooKeeperServerFacts) -> [Finding] {
    if let failure = facts.failure {
      return [
        Finding(
          .warning,
          "reachable",
          on: facts.server,
          "it does not answer (\(failure)): one more failure and there may be no majority",
          remedy: "start the server, or check its address and the network"
        )
      ]
    }
    return [self.mode(facts), self.version(facts)]
  }

  private func mode(_ facts: ZooKeeperServerFacts) -> Finding {
    switch facts.mode {
    case "read-only":
      Finding(
        .warning,
        "mode",
        on: facts.server,
        "it is cut off from the majority and answers from what it knew: it can grant nothing",
        remedy: "see that a majority of the members runs and can reach one another"
      )
    case "observer":
      Finding(
        .note,
        "mode",
        on: facts.server,
        "an observer has no vote, and what clients send through it reaches the leader later",
        remedy: "have those who lock use members with a vote, or a session timeout of eight ticks"
      )
    case let mode?: Finding(.ok, "mode", on: facts.server, mode)
    case nil:
      Finding(
        .note,
        "mode",
        on: facts.server,
        "it reveals neither its mode nor its version",
        remedy: "add srvr to 4lw.commands.whitelist"
      )
    }
  }

  private func version(_ facts: ZooKeeperServerFacts) -> Finding {
    let check = "version"
    guard let version = facts.version else {
      return Finding(.note, check, on: facts.server, "the server does not tell its version")
    }
    if version < ServerVersion(3, 5, 3) {
      return Finding(
        .danger,
        check,
        on: facts.server,
        "ZooKeeper \(version) has no containers, in which locks lie",
        remedy: "run ZooKeeper 3.8.4 or newer"
      )
    }
    if Self.stalls(version) {
      return Finding(
        .warning,
        check,
        on: facts.server,
        "ZooKeeper \(version) has the defect ZOOKEEPER-4537: with a single client the server can stall, "
          + "and the session be lost for it",
        remedy: "run ZooKeeper 3.8.4 or newer"
      )
    }
    return Finding(.ok, check, on: facts.server, "ZooKeeper \(version)")
  }

  /// Came with 3.6.0, and was mended in each branch that was alive in May 2022.
  private static func stalls(_ version: ServerVersion) -> Bool {
    let defective: [(ServerVersion, ServerVersion)] = [
      (ServerVersion(3, 6), ServerVersion(3, 6, 4)), (ServerVersion(3, 7), ServerVersion(3, 7, 2)),
      (ServerVersion(3, 8), ServerVersion(3, 8, 1)),
    ]
    return defective.contains { $0.0 <= version && version < $0.1 }
  }
}

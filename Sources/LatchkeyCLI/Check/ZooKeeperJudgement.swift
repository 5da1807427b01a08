internal import Latchkey

/// What one ZooKeeper server says about itself.
struct ZooKeeperServerFacts: Hashable, Sendable {
  var server: String
  var version: ServerVersion?
  /// `standalone`, `leader`, `follower`, `observer` or `read-only`; nil if it does not say.
  var mode: String?
  /// The server's `tickTime`; nil if it does not let us read it.
  var tick: Duration?
  /// How many members with a vote its ensemble has; nil if it does not let us read it.
  var voters: Int?
  /// Why the server does not answer; then nothing else is known.
  var failure: String?

  /// Takes in the answer to `srvr`. One that is not allowed leaves everything unknown.
  mutating func read(srvr text: String) {
    for line in text.split(whereSeparator: \.isNewline) {
      if let rest = Self.rest(of: line, after: "Zookeeper version: ") { self.version = ServerVersion(rest) }
      if let rest = Self.rest(of: line, after: "Mode: ") { self.mode = String(rest) }
    }
  }

  /// Takes in the answer to `conf`.
  mutating func read(conf text: String) {
    let lines = text.split(whereSeparator: \.isNewline)
    guard let tick = lines.lazy.compactMap({ Self.rest(of: $0, after: "tickTime=") }).first.flatMap({ Int64($0) })
    else { return }
    self.tick = .milliseconds(tick)
    self.voters = lines.count { $0.hasPrefix("server.") && !$0.contains(":observer") }
  }

  /// Takes in the answer to `isro`.
  mutating func read(isro text: String) {
    if text.split(whereSeparator: \.isWhitespace) == ["ro"] { self.mode = "read-only" }
  }

  private static func rest(of line: Substring, after key: String) -> Substring? {
    line.hasPrefix(key) ? line.dropFirst(key.count) : nil
  }
}

/// What the servers of a ZooKeeper URL, and a session on them, tell.
struct ZooKeeperFacts: Hashable, Sendable {
  var servers: [ZooKeeperServerFacts]
  /// The session timeout that was asked for.
  var askedTimeout: Duration
  /// The one that the servers have given.
  var sessionTimeout: Duration
  /// The tick that this client reckons with.
  var clientTick: Duration
}

/// What the facts about ZooKeeper servers mean for locks.
struct ZooKeeperJudgement {
  let facts: ZooKeeperFacts

  /// Below so many ticks the library refuses to lock, and behind an observer below twice as many.
  static let ticksPerSession = 4.0

  var findings: [Finding] {
    [self.session, self.tick, self.ensemble].compactMap { $0 }
      + self.facts.servers.flatMap { facts in self.findings(facts).map { $0.on(facts.server) } }
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
        "a session timeout of \(DurationText.format(timeout)) is \(ticks)\(why): too short to prove in time that a session lives"
      )
      .remedy("give a longer --session-timeout, and see that maxSessionTimeout of the servers allows it")
    }
    guard timeout == self.facts.askedTimeout else {
      return Finding(
        .note,
        check,
        "\(DurationText.format(self.facts.askedTimeout)) were asked for, the servers give \(DurationText.format(timeout)), \(ticks)"
      )
      .remedy("change minSessionTimeout or maxSessionTimeout of the servers, or ask for what they give")
    }
    return Finding(.ok, check, "a session timeout of \(DurationText.format(timeout)) is \(ticks)")
  }

  private var tick: Finding {
    let check = "tick"
    let assumed = DurationText.format(self.facts.clientTick)
    guard let tick = self.knownTick else {
      return Finding(.note, check, "the servers' tickTime could not be read; \(assumed) is assumed")
        .remedy(
          "compare it with the servers' configuration, give it with --tick, or add conf to 4lw.commands.whitelist"
        )
    }
    guard tick != self.facts.clientTick else {
      return Finding(.ok, check, "tickTime is \(assumed), as assumed")
    }
    let isShort = self.facts.clientTick < tick
    return Finding(
      isShort ? .warning : .note,
      check,
      "tickTime is \(DurationText.format(tick)), but clients without a setting assume \(assumed)"
        + (isShort ? ": they accept session timeouts that are too short" : "")
    )
    .remedy("give clients --tick \(DurationText.format(tick)), in programs the client's tick")
  }

  // MARK: Together

  private var ensemble: Finding? {
    let check = "ensemble"
    let alone = self.answering.filter { $0.mode == "standalone" }
    if alone.count > 1 {
      let names = alone.map(\.server).joined(separator: " and ")
      let danger = "each with locks of its own: two clients can hold one lock"
      return Finding(.danger, check, "\(names) are servers of their own, \(danger)")
        .remedy("name the members of one ensemble only")
    }
    if !alone.isEmpty {
      return Finding(.note, check, "one server alone: when it fails, no lock can be had until it is back")
        .remedy("run an ensemble of three or five")
    }
    let named = self.facts.servers.count
    guard let voters = self.facts.servers.compactMap(\.voters).max(), voters > 0 else { return nil }
    guard voters.isMultiple(of: 2) || named >= voters else {
      return Finding(.note, check, "the ensemble has \(voters) members with a vote, the URL names \(named)")
        .remedy("name all of them, so that a client finds another when its own fails")
    }
    return .size(check, voters, "members with a vote")
  }

  // MARK: Each

  private func findings(_ facts: ZooKeeperServerFacts) -> [Finding] {
    if let failure = facts.failure { return [.unreachable("server", failure)] }
    return [self.mode(facts), self.version(facts)]
  }

  private func mode(_ facts: ZooKeeperServerFacts) -> Finding {
    switch facts.mode {
    case "read-only":
      Finding(.warning, "mode", "it is cut off from the majority and answers from what it knew: it can grant nothing")
        .remedy("see that a majority of the members runs and can reach one another")
    case "observer":
      Finding(.note, "mode", "an observer has no vote, and what clients send through it reaches the leader later")
        .remedy("have those who lock use members with a vote, or a session timeout of eight ticks")
    case let mode?: Finding(.ok, "mode", mode)
    case nil:
      Finding(.note, "mode", "it reveals neither its mode nor its version")
        .remedy("add srvr to 4lw.commands.whitelist")
    }
  }

  private func version(_ facts: ZooKeeperServerFacts) -> Finding {
    let check = "version"
    guard let version = facts.version else {
      return Finding(.note, check, "the server does not tell its version")
    }
    if version < ServerVersion(3, 5, 3) {
      return Finding(.danger, check, "ZooKeeper \(version) has no containers, in which locks lie")
        .remedy("run ZooKeeper 3.8.4 or newer")
    }
    if Self.stalls(version) {
      return Finding(
        .warning,
        check,
        "ZooKeeper \(version) has the defect ZOOKEEPER-4537: with a single client the server can stall, "
          + "and the session be lost for it"
      )
      .remedy("run ZooKeeper 3.8.4 or newer")
    }
    return Finding(.ok, check, "ZooKeeper \(version)")
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

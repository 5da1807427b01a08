internal import Latchkey

/// One owner's votes at one server or at a quorum of several: a pure state machine.
///
/// Redlock's step as its author describes it, with what its implementations have been found to lack: a quorum that comes too
/// late is refused; the ballot ends as soon as the votes that are out cannot change it, so an even number of servers settles;
/// what a failed ballot planted is released everywhere, and at each server only after that server has answered, so that a
/// slow request does not outlive its release.
package struct BallotMachine: Sendable {
  /// What the machine's promises rest on; a mutant is a changed rule.
  package struct Rules: Sendable {
    /// A release goes out only after the answer to what is in flight to that server.
    package var releasesBehindReplies = true
    /// A quorum counts only before the deadline.
    package var refusesLateQuorum = true
    /// A ballot that fails is released everywhere.
    package var releasesFailures = true
    /// A server that has started too recently has no vote.
    package var distrustsFreshServers = true
    /// Where a request may arrive late, on a connection that has been given up, its release is sent twice.
    package var sweeps = true
    /// Servers that fail do not count as those that say no.
    package var tellsFailuresFromRefusals = true
    /// One server has one vote, under however many names it is asked.
    package var countsServersOnce = true
    /// A first release that finds nothing is a loss.
    package var findsLosses = true
    /// A repeated release that finds no key proves nothing: the first one may have been carried out.
    package var mindsRepeatedReleases = true

    /// The rules that the locks run by.
    package static let sound = Rules()
  }

  enum Release: Hashable {
    case none
    case sending
    /// To be sent again; whether it has been carried out at least once.
    case waiting(isDone: Bool)
    /// Nothing is left to be done, or would help.
    case settled(isDone: Bool)

    var isSettled: Bool { if case .settled = self { true } else { false } }
  }

  /// What the first release has shown.
  enum Finding: Hashable {
    case freed
    /// No key of ours was there.
    case gone
  }

  struct Node {
    var isPending = false
    var vote: Vote?
    /// A request may still arrive that nobody waits for.
    var isDoubtful = false
    /// Our key was planted there once, though perhaps too late to count.
    var isPlanted = false
    var release = Release.none
    /// A release has been sent whose outcome is unknown.
    var isReleaseDoubtful = false
    var finding: Finding?
  }

  private let rules: Rules
  private let quorum: Int
  private let timeToLive: Duration
  /// A single server is asked again by the same owner, which then finds a grant whose reply was lost.
  private let isRepeatable: Bool
  private(set) var nodes: [Node]
  private(set) var deadline: ContinuousClock.Instant?
  private(set) var isDecided = true
  private(set) var isGranted = false
  private(set) var isReleased = false
  private(set) var isSettled = false
  private(set) var hasTimedOut = false
  /// When nothing that was planted can still stand.
  private(set) var releaseUntil: ContinuousClock.Instant?
  private(set) var told = 0

  /// - Parameters:
  ///   - nodes: How many servers there are.
  ///   - timeToLive: How long a key stands that nobody releases.
  ///   - rules: The rules.
  package init(nodes: Int, timeToLive: Duration, rules: Rules = .sound) {
    self.rules = rules
    self.quorum = nodes / 2 + 1
    self.timeToLive = timeToLive
    self.isRepeatable = nodes == 1
    self.nodes = Array(repeating: Node(), count: nodes)
  }

  /// Whether some request was sent whose fate nobody knows.
  package var isDoubtful: Bool { self.nodes.contains { $0.isDoubtful } }

  /// Whether everything is released, and nothing is in flight.
  package var isOver: Bool { self.isReleased && self.nodes.allSatisfy { !$0.isPending && $0.release.isSettled } }

  /// Whether a quorum has carried out the release, so that no contender is kept out any more.
  package var isReleasedAtQuorum: Bool {
    let done = self.nodes.count { node in
      switch node.release {
      case .settled(isDone: true), .waiting(isDone: true): true
      case .none, .sending, .waiting(isDone: false), .settled(isDone: false): false
      }
    }
    return self.isReleased && done >= self.quorum
  }

  /// The votes so far, by server.
  package var votes: [Vote?] { self.nodes.map(\.vote) }

  /// Runs one event.
  ///
  /// - Parameters:
  ///   - event: What happened.
  ///   - now: When.
  /// - Returns: What to do, in this order.
  package mutating func handle(_ event: BallotEvent, at now: ContinuousClock.Instant) -> [BallotAction] {
    switch event {
    case .ask(let deadline): return self.ask(deadline)
    case .voted(let node, let vote): return self.count(vote, of: node, now)
    case .timedOut:
      self.hasTimedOut = true
      return self.decide(now) + self.settle()
    case .release: return self.release(now)
    case .released(let node, let reply): return self.released(node, reply, now)
    case .retry(let node):
      guard case .waiting(let isDone) = self.nodes[node].release else { return [] }
      return self.sendRelease(node, isRepeat: isDone)
    }
  }

  private mutating func ask(_ deadline: ContinuousClock.Instant) -> [BallotAction] {
    precondition(!self.isReleased, "a ballot that was released is over")
    self.deadline = deadline
    self.isDecided = false
    self.hasTimedOut = false
    for index in self.nodes.indices {
      self.nodes[index].isPending = true
      self.nodes[index].vote = nil
    }
    return self.nodes.indices.map { .request(node: $0) }
  }

  private mutating func count(_ vote: Vote, of node: Int, _ now: ContinuousClock.Instant) -> [BallotAction] {
    guard self.nodes[node].isPending else { return [] }
    self.nodes[node].isPending = false
    let isBelieved =
      vote == .untrusted && !self.rules.distrustsFreshServers || vote == .duplicate && !self.rules.countsServersOnce
    self.nodes[node].vote = isBelieved ? .yes : vote
    switch vote {
    case .yes, .untrusted, .duplicate: self.nodes[node].isPlanted = true
    case .failed(.inDoubt): self.nodes[node].isDoubtful = true
    case .no, .failed(.notDone): break
    }
    var actions = self.decide(now)
    if self.isReleased, self.nodes[node].release == .none { actions += self.sendRelease(node) + self.settle() }
    return actions
  }

  private mutating func decide(_ now: ContinuousClock.Instant) -> [BallotAction] {
    guard !self.isDecided, let deadline = self.deadline else { return [] }
    var (yes, failed, pending) = (0, 0, 0)
    var remaining: Duration?
    for node in self.nodes {
      switch node.vote {
      case .yes: yes += 1
      case .no(let left): remaining = left.map { left in remaining.map { max($0, left) } ?? left } ?? remaining
      case .untrusted, .duplicate, .failed: failed += 1
      case nil: if self.hasTimedOut { failed += 1 } else { pending += 1 }
      }
    }
    let decision: BallotDecision
    if self.nodes.contains(where: { $0.vote == .duplicate }) {
      // Two names of one server are one server, whatever the others answer.
      decision = .unavailable
    } else if yes >= self.quorum {
      decision = now < deadline || !self.rules.refusesLateQuorum ? .granted : .late
    } else if yes + pending < self.quorum {
      let isUnavailable = self.rules.tellsFailuresFromRefusals && failed > self.nodes.count - self.quorum
      // An error about too few servers names the answer of each, so wait for those that come in time.
      guard !isUnavailable || pending == 0 else { return [] }
      decision = isUnavailable ? .unavailable : .busy(remaining: remaining)
    } else {
      return []
    }
    self.isDecided = true
    self.isGranted = decision == .granted
    guard decision != .granted, !self.isRepeatable, self.rules.releasesFailures else { return [.decide(decision)] }
    return [.decide(decision)] + self.release(now)
  }

  // MARK: Release

  private mutating func release(_ now: ContinuousClock.Instant) -> [BallotAction] {
    guard !self.isReleased else { return [] }
    self.isReleased = true
    self.isDecided = true
    self.hasTimedOut = false
    self.releaseUntil = now.advanced(by: self.timeToLive)
    var actions: [BallotAction] = []
    for index in self.nodes.indices where !self.nodes[index].isPending || !self.rules.releasesBehindReplies {
      actions += self.sendRelease(index)
    }
    return actions + self.settle()
  }

  private mutating func sendRelease(_ node: Int, isRepeat: Bool = false) -> [BallotAction] {
    // Nothing of ours can be there if nothing was ever carried out, also of what was asked before by the same owner.
    if case .failed(.notDone) = self.nodes[node].vote, !self.nodes[node].isDoubtful, !self.nodes[node].isPlanted {
      self.nodes[node].release = .settled(isDone: true)
      self.nodes[node].finding = .gone
      return []
    }
    self.nodes[node].release = .sending
    if isRepeat { self.nodes[node].isDoubtful = false }
    return [.release(node: node)]
  }

  private mutating func released(
    _ node: Int,
    _ reply: ReleaseReply,
    _ now: ContinuousClock.Instant
  ) -> [BallotAction] {
    guard self.nodes[node].release == .sending else { return [] }
    switch reply {
    case .freed(let told):
      self.told = max(self.told, told)
      self.nodes[node].finding = .freed
      return self.carriedOut(node)
    case .gone:
      let isFirst = !self.nodes[node].isReleaseDoubtful || !self.rules.mindsRepeatedReleases
      if isFirst, self.nodes[node].finding == nil { self.nodes[node].finding = .gone }
      return self.carriedOut(node)
    case .refused:
      self.nodes[node].release = .settled(isDone: false)
      return self.settle()
    case .failed: break
    }
    self.nodes[node].isReleaseDoubtful = true
    guard let until = self.releaseUntil, now < until else {
      self.nodes[node].release = .settled(isDone: true)
      return self.settle()
    }
    self.nodes[node].release = .waiting(isDone: false)
    let delay = max(Self.shortestRetry, min(self.timeToLive / 10, Self.longestRetry))
    return [.retryLater(node: node, after: delay)] + self.settle()
  }

  private mutating func carriedOut(_ node: Int) -> [BallotAction] {
    guard self.nodes[node].isDoubtful, self.rules.sweeps else {
      self.nodes[node].release = .settled(isDone: true)
      return self.settle()
    }
    self.nodes[node].release = .waiting(isDone: true)
    return [.retryLater(node: node, after: Self.sweepDelay)] + self.settle()
  }

  /// The caller goes on when a quorum has deleted our keys, or has been found without them, or no more can be learnt by waiting.
  private mutating func settle() -> [BallotAction] {
    guard self.isReleased, !self.isSettled else { return [] }
    let freed = self.nodes.count { $0.finding == .freed }
    let gone = self.nodes.count { $0.finding == .gone }
    var (done, answered) = (0, 0)
    for node in self.nodes {
      switch node.release {
      case .settled(isDone: true), .waiting(isDone: true):
        done += 1
        answered += 1
      case .settled(isDone: false), .waiting(isDone: false): answered += 1
      case .none, .sending: break
      }
    }
    let result: ReleaseResult
    if freed >= self.quorum {
      result = .released
    } else if self.isGranted, self.rules.findsLosses, gone > self.nodes.count - self.quorum {
      // As for an extension: a quorum was not ours any more.
      result = .lost
    } else if answered == self.nodes.count || self.hasTimedOut || !self.isGranted && done >= self.quorum {
      result = done >= self.quorum ? .released : .pending
    } else {
      return []
    }
    self.isSettled = true
    return [.settle(told: self.told, result)]
  }

  /// How long after a release something may arrive from a connection that was given up.
  static let sweepDelay = Duration.seconds(1)
  private static let shortestRetry = Duration.milliseconds(5)
  private static let longestRetry = Duration.milliseconds(500)
}

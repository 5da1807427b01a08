internal import Latchkey

/// One owner's votes at a quorum of several servers: a pure state machine.
///
/// Redlock's step as its author describes it, with what its implementations have been found to lack: a quorum that comes too
/// late is refused; the vote ends as soon as the answers that are out cannot change it, so an even number of servers settles;
/// what a failed vote planted is released everywhere, and at each server only after that server has answered, so that a
/// slow request does not outlive its release.
package struct QuorumVoteMachine: Sendable {
  /// What the machine's promises rest on; a mutant is a changed rule.
  package struct Rules: Sendable {
    /// A release goes out only after the answer to what is in flight to that server.
    package var releasesBehindReplies = true
    /// A quorum counts only before the deadline.
    package var refusesLateQuorum = true
    /// A vote that fails is released everywhere.
    package var releasesFailures = true
    /// A server that has started too recently has no vote.
    package var distrustsFreshServers = true
    package var key = OwnerKey.Rules()
    /// Servers that fail do not count as those that say no.
    package var tellsFailuresFromRefusals = true
    /// One server has one vote, under however many names it is asked.
    package var countsServersOnce = true
    /// A first release that finds nothing is a loss.
    package var findsLosses = true

    /// The rules that the locks run by.
    package static let sound = Rules()
  }

  struct Node {
    var key: OwnerKey
    var vote: Vote?
  }

  private let rules: Rules
  private let quorum: Int
  private let timeToLive: Duration
  private(set) var nodes: [Node]
  private(set) var deadline: ContinuousClock.Instant?
  private(set) var isDecided = true
  private(set) var isGranted = false
  private(set) var isReleased = false
  private(set) var isSettled = false
  private(set) var hasTimedOut = false
  /// When nothing that was planted can still stand.
  private(set) var releaseUntil: ContinuousClock.Instant?
  private(set) var notified = 0

  /// - Parameters:
  ///   - nodes: How many servers there are.
  ///   - timeToLive: How long a key stands that nobody releases.
  ///   - rules: The rules.
  package init(nodes: Int, timeToLive: Duration, rules: Rules = .sound) {
    self.rules = rules
    self.quorum = nodes / 2 + 1
    self.timeToLive = timeToLive
    self.nodes = Array(repeating: Node(key: OwnerKey(timeToLive: timeToLive, rules: rules.key)), count: nodes)
  }

  /// Whether some request was sent whose fate nobody knows.
  package var isDoubtful: Bool { self.nodes.contains { $0.key.isDoubtful } }

  /// Whether everything is released, and nothing is in flight.
  package var isOver: Bool { self.isReleased && self.nodes.allSatisfy(\.key.isOver) }

  /// Whether a quorum has carried out the release, so that no contender is kept out any more.
  package var isReleasedAtQuorum: Bool {
    let done = self.nodes.count { $0.key.isDone == true }
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
  package mutating func handle(_ event: QuorumVoteEvent, at now: ContinuousClock.Instant) -> [QuorumVoteAction] {
    switch event {
    case .ask(let deadline): return self.ask(deadline)
    case .voted(let node, let vote): return self.count(vote, of: node, now)
    case .timedOut:
      self.hasTimedOut = true
      return self.decide(now) + self.settle()
    case .release: return self.release(now)
    case .released(let node, let reply): return self.released(node, reply, now)
    case .retry(let node):
      return self.nodes[node].key.retryRelease() ? [.release(node: node)] : []
    }
  }

  private mutating func ask(_ deadline: ContinuousClock.Instant) -> [QuorumVoteAction] {
    precondition(!self.isReleased, "a vote that was released is over")
    self.deadline = deadline
    self.isDecided = false
    self.hasTimedOut = false
    for index in self.nodes.indices {
      self.nodes[index].key.asked()
      self.nodes[index].vote = nil
    }
    return self.nodes.indices.map { .request(node: $0) }
  }

  private mutating func count(_ vote: Vote, of node: Int, _ now: ContinuousClock.Instant) -> [QuorumVoteAction] {
    guard self.nodes[node].key.isPending else { return [] }
    self.nodes[node].key.answered(vote.keyReply)
    let isBelieved =
      vote == .untrusted && !self.rules.distrustsFreshServers || vote == .duplicate && !self.rules.countsServersOnce
    self.nodes[node].vote = isBelieved ? .yes : vote
    var actions = self.decide(now)
    if self.isReleased, self.nodes[node].key.release == .none { actions += self.sendRelease(node) + self.settle() }
    return actions
  }

  private mutating func decide(_ now: ContinuousClock.Instant) -> [QuorumVoteAction] {
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
    let decision: QuorumVoteDecision
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
    guard decision != .granted, self.rules.releasesFailures else { return [.decide(decision)] }
    return [.decide(decision)] + self.release(now)
  }

  // MARK: Release

  private mutating func release(_ now: ContinuousClock.Instant) -> [QuorumVoteAction] {
    guard !self.isReleased else { return [] }
    self.isReleased = true
    self.isDecided = true
    self.hasTimedOut = false
    self.releaseUntil = now.advanced(by: self.timeToLive)
    var actions: [QuorumVoteAction] = []
    for index in self.nodes.indices where !self.nodes[index].key.isPending || !self.rules.releasesBehindReplies {
      actions += self.sendRelease(index)
    }
    return actions + self.settle()
  }

  private mutating func sendRelease(_ node: Int) -> [QuorumVoteAction] {
    self.nodes[node].key.sendRelease() ? [.release(node: node)] : []
  }

  private mutating func released(
    _ node: Int,
    _ reply: ReleaseReply,
    _ now: ContinuousClock.Instant
  ) -> [QuorumVoteAction] {
    guard self.nodes[node].key.release == .sending else { return [] }
    if case .freed(let notified) = reply { self.notified = max(self.notified, notified) }
    let delay = self.nodes[node].key.released(reply, until: self.releaseUntil, at: now)
    return (delay.map { [.retryLater(node: node, after: $0)] } ?? []) + self.settle()
  }

  /// The caller goes on when a quorum has deleted our keys, or has been found without them, or no more can be learnt by waiting.
  private mutating func settle() -> [QuorumVoteAction] {
    guard self.isReleased, !self.isSettled else { return [] }
    let freed = self.nodes.count { $0.key.finding == .freed }
    let gone = self.nodes.count { $0.key.finding == .gone }
    let done = self.nodes.count { $0.key.isDone == true }
    let answered = self.nodes.count { $0.key.isDone != nil }
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
    return [.settle(notified: self.notified, result)]
  }
}

import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@testable import LatchkeyRedis

@Suite("A vote of a quorum")
struct QuorumVoteMachineTests {
  private let start = ContinuousClock.now
  private let timeToLive = Duration.seconds(10)

  private var deadline: ContinuousClock.Instant { LeaseTime.deadline(sentAt: self.start, timeToLive: self.timeToLive) }

  private func asked(_ nodes: Int, rules: QuorumVoteMachine.Rules = .sound) -> QuorumVoteMachine {
    var machine = QuorumVoteMachine(nodes: nodes, timeToLive: self.timeToLive, rules: rules)
    expectEqual(machine.handle(.ask(deadline: self.deadline), at: self.start), (0..<nodes).map { .request(node: $0) })
    return machine
  }

  /// Counts votes, and returns what follows them.
  private func vote(
    _ machine: inout QuorumVoteMachine,
    _ votes: [(node: Int, vote: Vote)],
    after delay: Duration = .milliseconds(1)
  ) -> [QuorumVoteAction] {
    votes.flatMap { machine.handle(.voted(node: $0.node, $0.vote), at: self.start.advanced(by: delay)) }
  }

  @Test("is granted with the deciding vote, not with the last")
  func granted() {
    var machine = self.asked(5)
    expectEqual(self.vote(&machine, [(0, .yes), (1, .yes)]), [])
    expectEqual(self.vote(&machine, [(2, .yes)]), [.decide(.granted)])
    expectEqual(self.vote(&machine, [(3, .yes), (4, .no(remaining: nil))]), [])
  }

  @Test("is granted with two of five servers down")
  func minorityDown() {
    var machine = self.asked(5)
    let actions = self.vote(
      &machine,
      [(0, .failed(.notDone)), (1, .failed(.inDoubt)), (2, .yes), (3, .yes), (4, .yes)]
    )
    expectEqual(actions, [.decide(.granted)])
  }

  @Test("is refused when the quorum comes too late, and released everywhere")
  func late() {
    var machine = self.asked(5)
    _ = self.vote(&machine, [(0, .yes), (1, .yes)])
    let actions = self.vote(&machine, [(2, .yes)], after: self.timeToLive)
    expectEqual(actions, [.decide(.late), .release(node: 0), .release(node: 1), .release(node: 2)])
    // Those that are asked still are released behind their answers.
    expectEqual(self.vote(&machine, [(3, .yes)], after: .seconds(11)), [.release(node: 3)])
  }

  @Test("settles with an even number of servers, as soon as no quorum can come", arguments: [2, 4, 6])
  func even(nodes: Int) {
    var machine = self.asked(nodes)
    var decisions: [QuorumVoteDecision] = []
    for node in 0..<nodes {
      for case .decide(let decision) in self.vote(&machine, [(node, node % 2 == 0 ? .yes : .no(remaining: nil))]) {
        decisions.append(decision)
      }
    }
    expectEqual(decisions, [.busy(remaining: nil)])
  }

  @Test("that is split releases what it planted at once, everywhere")
  func split() {
    var machine = self.asked(5)
    let no = Vote.no(remaining: .seconds(3))
    let actions = self.vote(&machine, [(0, .yes), (1, .yes), (2, no), (3, no), (4, no)])
    expectEqual(actions.first, .decide(.busy(remaining: .seconds(3))))
    expectEqual(Set(actions.dropFirst()), Set((0..<5).map { .release(node: $0) }))
  }

  @Test("tells servers that fail from servers that refuse")
  func unavailable() {
    var machine = self.asked(5)
    let failed = Vote.failed(.notDone)
    expectEqual(self.vote(&machine, [(0, .yes), (1, failed), (2, failed), (3, failed)]), [])
    let actions = self.vote(&machine, [(4, .yes)])
    expectEqual(actions.first, .decide(.unavailable))
    expectEqual(Array(actions[1...2]), [.release(node: 0), .release(node: 4)])
    var mixed = self.asked(5)
    let no = Vote.no(remaining: nil)
    expectEqual(self.vote(&mixed, [(0, failed), (1, failed), (2, no)]).first, .decide(.busy(remaining: nil)))
  }

  @Test(
    "hears the answers that are on their way before it says that too few servers are there, for as long as they may take"
  )
  func waitsForAnswers() {
    let failed = Vote.failed(.notDone)
    var machine = self.asked(5)
    expectEqual(self.vote(&machine, [(2, failed), (3, failed), (4, failed), (0, .yes)]), [])
    expectEqual(machine.votes[0], .yes)
    expectEqual(machine.handle(.timedOut, at: self.start).prefix(2), [.decide(.unavailable), .release(node: 0)])
    // Who is told that others hold the lock need not hear who the rest are.
    var busy = self.asked(5)
    let no = Vote.no(remaining: nil)
    expectEqual(self.vote(&busy, [(0, no), (1, no), (2, no)]).first, .decide(.busy(remaining: nil)))
  }

  @Test("of one server under two names is no quorum, whatever the others say, and is released under each")
  func duplicate() {
    var machine = self.asked(3)
    expectEqual(
      self.vote(&machine, [(0, .yes), (1, .duplicate)]),
      [.decide(.unavailable), .release(node: 0), .release(node: 1)]
    )
    expectEqual(self.vote(&machine, [(2, .yes)]), [.release(node: 2)])
    var rules = QuorumVoteMachine.Rules.sound
    rules.countsServersOnce = false
    var careless = self.asked(3, rules: rules)
    expectEqual(self.vote(&careless, [(0, .yes), (1, .duplicate)]), [.decide(.granted)])
  }

  @Test("is lost if its first release finds a quorum without it")
  func lost() {
    var machine = self.asked(3)
    // The third never had the key, so one that has lost it is one too many.
    _ = self.vote(&machine, [(2, .failed(.notDone)), (0, .yes), (1, .yes)])
    _ = machine.handle(.release, at: self.start)
    expectEqual(machine.handle(.released(node: 0, .gone), at: self.start), [.settle(notified: 0, .lost)])
  }

  @Test("is not lost if a minority has forgotten it, though that answers first")
  func minorityLost() {
    var machine = self.asked(3)
    _ = self.vote(&machine, (0..<3).map { ($0, .yes) })
    _ = machine.handle(.release, at: self.start)
    expectEqual(machine.handle(.released(node: 0, .gone), at: self.start), [])
    expectEqual(machine.handle(.released(node: 1, .freed(notified: 0)), at: self.start), [])
    expectEqual(
      machine.handle(.released(node: 2, .freed(notified: 0)), at: self.start),
      [.settle(notified: 0, .released)]
    )
  }

  @Test("is not lost if a release finds nothing that was sent before, with a reply that was lost")
  func repeatedRelease() {
    var machine = self.asked(3)
    _ = self.vote(&machine, (0..<3).map { ($0, .yes) })
    _ = machine.handle(.release, at: self.start)
    for node in 0..<2 {
      _ = machine.handle(.released(node: node, .failed), at: self.start)
      _ = machine.handle(.retry(node: node), at: self.start)
      expectEqual(machine.handle(.released(node: node, .gone), at: self.start), [])
    }
    expectEqual(machine.handle(.released(node: 2, .gone), at: self.start), [.settle(notified: 0, .released)])
  }

  @Test("has no use for the vote of a server that may have forgotten")
  func untrusted() {
    var machine = self.asked(3)
    let actions = self.vote(&machine, [(0, .untrusted), (1, .yes), (2, .no(remaining: nil))])
    expectEqual(actions.first, .decide(.busy(remaining: nil)))
  }

  @Test("does not wait for those that are silent, and releases them behind their answers")
  func silent() {
    var machine = self.asked(3)
    _ = self.vote(&machine, [(0, .yes)])
    expectEqual(machine.handle(.timedOut, at: self.start), [.decide(.unavailable), .release(node: 0)])
    expectEqual(self.vote(&machine, [(1, .yes)]), [.release(node: 1)])
    // What was never carried out needs no release.
    expectEqual(self.vote(&machine, [(2, .failed(.notDone))]), [])
    expectEqual(
      machine.handle(.released(node: 1, .freed(notified: 0)), at: self.start),
      [.settle(notified: 0, .released)]
    )
  }

  @Test("lets the caller of a release go when a quorum has forgotten it")
  func settled() {
    var machine = self.asked(5)
    _ = self.vote(&machine, (0..<5).map { ($0, .yes) })
    expectEqual(machine.handle(.release, at: self.start).count, 5)
    expectEqual(machine.handle(.released(node: 3, .freed(notified: 2)), at: self.start), [])
    expectEqual(machine.handle(.released(node: 1, .freed(notified: 0)), at: self.start), [])
    expectEqual(
      machine.handle(.released(node: 0, .freed(notified: 0)), at: self.start),
      [.settle(notified: 2, .released)]
    )
  }

  // MARK: Whatever the order

  /// One server, as far as a vote can see it: requests are carried out in their order, at some time.
  private struct ModelServer {
    var key = false
    var inFlight: [QuorumVoteAction] = []
  }

  /// What a vote has got wrong on one schedule.
  private enum Wrong {
    case keysLeft, falseLoss, silentLoss
  }

  @Test("keeps its promises, whatever the order of requests, losses, time-outs, releases and deletions by hand")
  func keepsPromises() {
    expectEqual(Self.wrongs(rules: .sound), [])
  }

  @Test("would leave keys behind if its releases did not go behind its requests, or were missing")
  func rulesMatter() {
    var hasty = QuorumVoteMachine.Rules.sound
    hasty.releasesBehindReplies = false
    #expect(Self.wrongs(rules: hasty).contains(.keysLeft))
    var careless = QuorumVoteMachine.Rules.sound
    careless.releasesFailures = false
    #expect(Self.wrongs(rules: careless).contains(.keysLeft))
  }

  @Test("would say nothing of a loss, or tell of one that is none, if it did not look at what its first releases find")
  func findingsMatter() {
    var blind = QuorumVoteMachine.Rules.sound
    blind.findsLosses = false
    expectEqual(Self.wrongs(rules: blind), [.silentLoss])
    var forgetful = QuorumVoteMachine.Rules.sound
    forgetful.key.mindsRepeatedReleases = false
    expectEqual(Self.wrongs(rules: forgetful), [.falseLoss])
  }

  /// Plays many schedules.
  private static func wrongs(rules: QuorumVoteMachine.Rules) -> Set<Wrong> {
    (0..<4000).reduce(into: []) { wrongs, seed in
      var random = SplitMix(seed: UInt64(seed))
      wrongs.formUnion(Self.play(nodes: [2, 3, 5][seed % 3], rules: rules, &random))
    }
  }

  private static func play(nodes: Int, rules: QuorumVoteMachine.Rules, _ random: inout SplitMix) -> Set<Wrong> {
    let now = ContinuousClock.now
    var wrongs: Set<Wrong> = []
    var machine = QuorumVoteMachine(nodes: nodes, timeToLive: .seconds(10), rules: rules)
    var servers = (0..<nodes).map { _ in ModelServer() }
    var actions = machine.handle(.ask(deadline: now.advanced(by: .seconds(9))), at: now)
    var retries: [Int] = []
    var isFailed = false
    var isGranted = false
    var mayRelease = true
    var isReleaseLost = false
    var hasTimedOut = false
    /// Deletes keys by hand while the lock is held, at most once.
    var deletions = Int.random(in: 0..<2, using: &random) * nodes
    var deleted = 0
    for _ in 0..<400 {
      for action in actions {
        switch action {
        case .request(let node), .release(let node): servers[node].inFlight.append(action)
        case .retryLater(let node, _): retries.append(node)
        case .decide(let decision):
          isGranted = decision == .granted
          isFailed = !isGranted
        case .settle(_, .lost) where deleted == 0: wrongs.insert(.falseLoss)
        case .settle(_, let result):
          // All keys were deleted, and every release has been answered in time.
          let isTold = result == .lost || !isGranted || isReleaseLost || hasTimedOut
          if deleted == nodes, !isTold { wrongs.insert(.silentLoss) }
        }
      }
      actions = []
      let busy = servers.indices.filter { !servers[$0].inFlight.isEmpty }
      switch Int.random(in: 0..<10, using: &random) {
      case 0 where mayRelease && !isFailed:
        mayRelease = false
        actions = machine.handle(.release, at: now)
      case 1:
        hasTimedOut = hasTimedOut || !mayRelease
        actions = machine.handle(.timedOut, at: now)
      case 2 where !retries.isEmpty: actions = machine.handle(.retry(node: retries.removeFirst()), at: now)
      case 3 where deletions > 0 && isGranted && mayRelease && busy.isEmpty:
        deletions -= 1
        servers[deletions].key = false
        deleted += 1
      default:
        guard let node = busy.randomElement(using: &random) else { continue }
        // A pool of connections keeps no order: any of the requests may be the next.
        let index = Int.random(in: 0..<servers[node].inFlight.count, using: &random)
        let isLost = Int.random(in: 0..<4, using: &random) == 0
        let request = servers[node].inFlight.remove(at: index)
        if case .request = request {
          servers[node].key = true
          actions = machine.handle(.voted(node: node, isLost ? .failed(.inDoubt) : .yes), at: now)
        } else {
          let wasThere = servers[node].key
          servers[node].key = false
          isReleaseLost = isReleaseLost || isLost
          let reply: ReleaseReply = isLost ? .failed : wasThere ? .freed(notified: 0) : .gone
          actions = machine.handle(.released(node: node, reply), at: now)
        }
      }
    }
    let isQuiet = servers.allSatisfy { $0.inFlight.isEmpty }
    let isDone = machine.isOver || isFailed && retries.isEmpty
    if isQuiet, isDone, servers.contains(where: { $0.key }) { wrongs.insert(.keysLeft) }
    return wrongs
  }
}

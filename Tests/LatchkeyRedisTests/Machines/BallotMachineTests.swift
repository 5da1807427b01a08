import LatchkeyTesting
import Testing

@testable import LatchkeyRedis

@Suite("A ballot")
struct BallotMachineTests {
  private let start = ContinuousClock.now
  private let timeToLive = Duration.seconds(10)

  private var deadline: ContinuousClock.Instant { LeaseTime.deadline(sentAt: self.start, timeToLive: self.timeToLive) }

  private func asked(_ nodes: Int, rules: BallotMachine.Rules = .sound) -> BallotMachine {
    var machine = BallotMachine(nodes: nodes, timeToLive: self.timeToLive, rules: rules)
    expectEqual(machine.handle(.ask(deadline: self.deadline), at: self.start), (0..<nodes).map { .request(node: $0) })
    return machine
  }

  /// Counts votes, and returns what follows them.
  private func vote(
    _ machine: inout BallotMachine,
    _ votes: [(node: Int, vote: Vote)],
    after delay: Duration = .milliseconds(1)
  ) -> [BallotAction] {
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

  @Test("at one server is released after a vote that came too late, though what was asked then was never sent")
  func lateThenNeverSent() {
    var machine = self.asked(1)
    // The key stands, though the answer came too late.
    expectEqual(self.vote(&machine, [(0, .yes)], after: self.timeToLive), [.decide(.late)])
    let again = self.start.advanced(by: self.timeToLive)
    let deadline = LeaseTime.deadline(sentAt: again, timeToLive: self.timeToLive)
    expectEqual(machine.handle(.ask(deadline: deadline), at: again), [.request(node: 0)])
    expectEqual(self.vote(&machine, [(0, .failed(.notDone))], after: self.timeToLive), [.decide(.unavailable)])
    expectEqual(machine.handle(.release, at: again), [.release(node: 0)])
  }

  @Test("settles with an even number of servers, as soon as no quorum can come", arguments: [2, 4, 6])
  func even(nodes: Int) {
    var machine = self.asked(nodes)
    var decisions: [BallotDecision] = []
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
    let actions = self.vote(&machine, [(0, .yes), (1, failed), (2, failed), (3, failed)])
    expectEqual(actions, [.decide(.unavailable), .release(node: 0), .settle(told: 0)])
    var mixed = self.asked(5)
    let no = Vote.no(remaining: nil)
    expectEqual(self.vote(&mixed, [(0, failed), (1, failed), (2, no)]).first, .decide(.busy(remaining: nil)))
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
    expectEqual(machine.handle(.released(node: 1, told: 0), at: self.start), [.settle(told: 0)])
  }

  @Test("of one server can be asked again by the same owner, and is not released in between")
  func repeated() {
    var machine = self.asked(1)
    expectEqual(self.vote(&machine, [(0, .failed(.inDoubt))]), [.decide(.unavailable)])
    #expect(machine.isDoubtful)
    expectEqual(machine.handle(.ask(deadline: self.deadline), at: self.start), [.request(node: 0)])
    expectEqual(self.vote(&machine, [(0, .yes)]), [.decide(.granted)])
  }

  @Test("is released twice where a request may still be on its way")
  func sweep() {
    var machine = self.asked(1)
    _ = self.vote(&machine, [(0, .failed(.inDoubt))])
    expectEqual(machine.handle(.release, at: self.start), [.release(node: 0)])
    let actions = machine.handle(.released(node: 0, told: 0), at: self.start)
    expectEqual(actions, [.retryLater(node: 0, after: BallotMachine.sweepDelay), .settle(told: 0)])
    #expect(!machine.isOver)
    expectEqual(machine.handle(.retry(node: 0), at: self.start), [.release(node: 0)])
    expectEqual(machine.handle(.released(node: 0, told: 0), at: self.start), [])
    #expect(machine.isOver)
  }

  @Test("whose release is lost lets its caller go, and releases again until the key has run out")
  func lostRelease() {
    var machine = self.asked(1)
    _ = self.vote(&machine, [(0, .yes)])
    _ = machine.handle(.release, at: self.start)
    expectEqual(
      machine.handle(.released(node: 0, told: nil), at: self.start),
      [.retryLater(node: 0, after: .milliseconds(500)), .settle(told: 0)]
    )
    expectEqual(machine.handle(.retry(node: 0), at: self.start), [.release(node: 0)])
    let later = self.start.advanced(by: self.timeToLive)
    expectEqual(machine.handle(.released(node: 0, told: nil), at: later), [])
    #expect(machine.isOver)
  }

  @Test("lets the caller of a release go when a quorum has forgotten it")
  func settled() {
    var machine = self.asked(5)
    _ = self.vote(&machine, (0..<5).map { ($0, .yes) })
    expectEqual(machine.handle(.release, at: self.start).count, 5)
    expectEqual(machine.handle(.released(node: 3, told: 2), at: self.start), [])
    expectEqual(machine.handle(.released(node: 1, told: 0), at: self.start), [])
    expectEqual(machine.handle(.released(node: 0, told: 0), at: self.start), [.settle(told: 2)])
  }

  // MARK: Whatever the order

  /// One server, as far as a ballot can see it: requests are carried out in their order, at some time.
  private struct ModelServer {
    var key = false
    var inFlight: [BallotAction] = []
  }

  @Test("leaves no key behind once it is over, whatever the order of requests, losses, time-outs and releases")
  func leavesNothing() {
    #expect(Self.keysLeft(rules: .sound) == 0)
  }

  @Test("would leave keys behind if its releases did not go behind its requests, or were missing")
  func rulesMatter() {
    var hasty = BallotMachine.Rules.sound
    hasty.releasesBehindReplies = false
    #expect(Self.keysLeft(rules: hasty) > 0)
    var careless = BallotMachine.Rules.sound
    careless.releasesFailures = false
    #expect(Self.keysLeft(rules: careless) > 0)
  }

  /// Plays many schedules, and counts those after which some server still holds the key.
  private static func keysLeft(rules: BallotMachine.Rules) -> Int {
    (0..<2000).count { seed in
      var random = SplitMix(seed: UInt64(seed))
      return Self.play(nodes: [1, 2, 3, 5][seed % 4], rules: rules, &random)
    }
  }

  private static func play(nodes: Int, rules: BallotMachine.Rules, _ random: inout SplitMix) -> Bool {
    let now = ContinuousClock.now
    var machine = BallotMachine(nodes: nodes, timeToLive: .seconds(10), rules: rules)
    var servers = (0..<nodes).map { _ in ModelServer() }
    var actions = machine.handle(.ask(deadline: now.advanced(by: .seconds(9))), at: now)
    var retries: [Int] = []
    var isFailed = false
    var mayRelease = true
    for _ in 0..<400 {
      for action in actions {
        switch action {
        case .request(let node), .release(let node): servers[node].inFlight.append(action)
        case .retryLater(let node, _): retries.append(node)
        case .decide(let decision): if decision != .granted { isFailed = true }
        case .settle: break
        }
      }
      actions = []
      let busy = servers.indices.filter { !servers[$0].inFlight.isEmpty }
      switch Int.random(in: 0..<10, using: &random) {
      case 0 where mayRelease && (nodes == 1 || !isFailed):
        mayRelease = false
        actions = machine.handle(.release, at: now)
      case 1: actions = machine.handle(.timedOut, at: now)
      case 2 where !retries.isEmpty: actions = machine.handle(.retry(node: retries.removeFirst()), at: now)
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
          servers[node].key = false
          actions = machine.handle(.released(node: node, told: isLost ? nil : 0), at: now)
        }
      }
    }
    let isQuiet = servers.allSatisfy { $0.inFlight.isEmpty }
    return isQuiet && (machine.isOver || isFailed && retries.isEmpty) && servers.contains { $0.key }
  }
}

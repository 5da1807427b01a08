import Latchkey
import LatchkeyExplorer
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@testable import LatchkeyZooKeeper

@Suite("The queue of a ZooKeeper lock, explored without a server", .timeLimit(.minutes(20)))
struct QueueExplorationTests {
  private static let patient = [true]
  /// Two tries of one client while another one's lock is released.
  private static let newcomers = [[false, false], [true]]
  private func expectSound(_ what: String, _ model: QueueModel) {
    let exploration = model.explore()
    print("ZooKeeper, \(what): \(exploration)")
    #expect(exploration.story == nil)
    #expect(exploration.isComplete)
  }

  @Test("holds in every state of three clients with any one fault")
  func threeClients() {
    self.expectSound(
      "three clients, one fault",
      QueueModel(callers: Array(repeating: Self.patient, count: 3), faults: 1)
    )
  }

  @Test("holds in every state of two clients with any two faults")
  func twoFaults() {
    self.expectSound("two clients, two faults", QueueModel(callers: [Self.patient, Self.patient], faults: 2))
  }

  @Test("holds in every state of tries and waits in one process, and of a directory that is not made yet")
  func localLine() {
    self.expectSound(
      "two in one process and one in another, one fault",
      QueueModel(callers: [[true, false], Self.patient], faults: 1, isDirectoryMade: false)
    )
  }

  @Test("holds in every state of tries of one process while another one's lock is released")
  func tries() {
    self.expectSound("tries, one fault", QueueModel(callers: Self.newcomers, faults: 1, of: [.cancel, .refuse]))
    let unmade = QueueModel(callers: Self.newcomers, faults: 0, isDirectoryMade: false)
    self.expectSound("tries in a directory that is not made yet", unmade)
  }

  @Test("holds in every state of three clients with any two faults", .enabled(if: isExploringDeeply))
  func threeClientsTwoFaults() {
    self.expectSound(
      "three clients, two faults",
      QueueModel(callers: Array(repeating: Self.patient, count: 3), faults: 2)
    )
  }

  @Test("holds in every state of two clients with any three faults", .enabled(if: isExploringDeeply))
  func threeFaults() {
    self.expectSound("two clients, three faults", QueueModel(callers: [Self.patient, Self.patient], faults: 3))
  }

  @Test("holds on ways through spaces that are too large to be explored: four clients, eight callers, four faults")
  func walks() {
    let model = QueueModel(callers: Array(repeating: [true, false], count: 4), faults: 4, isDirectoryMade: false)
    for seed in 0..<500 as Range<UInt64> {
      if let story = model.walk(seed: seed, length: 150) {
        Issue.record("seed \(seed): \(story)")
        return
      }
    }
  }

  @Test("leads to the same from all states that are taken for one")
  func digests() {
    let two = [Self.patient, Self.patient]
    #expect(QueueModel(callers: two, faults: isExploringDeeply ? 2 : 1).firstAmbiguity() == nil)
    let inOneProcess = QueueModel(callers: [[true, false], Self.patient], faults: 1, isDirectoryMade: false)
    #expect(inOneProcess.firstAmbiguity() == nil)
    guard isExploringDeeply else { return }
    let three = Array(repeating: Self.patient, count: 3)
    #expect(QueueModel(callers: three, faults: 1).firstAmbiguity() == nil)
  }

  private static func mistake(
    _ description: String,
    clients: Int = 2,
    by callers: [[Bool]]? = nil,
    after faults: QueueModel.Fault...,
    leadsTo outcome: String,
    given: (inout QueueModel) -> Void = { _ in },
    change: @escaping @Sendable (inout QueueModel) -> Void
  ) -> SeededMistake<QueueModel> {
    let callers = callers ?? Array(repeating: Self.patient, count: clients)
    var model = QueueModel(callers: callers, faults: faults.count, of: faults)
    given(&model)
    return SeededMistake(description, in: model, leadsTo: outcome, change: change)
  }

  static let mistakes: [SeededMistake<QueueModel>] = [
    // Without the sweep, which would mend it; so below.
    mistake(
      "a lost create is made again without a look",
      after: .cut,
      leadsTo: "nothing more happens",
      given: { $0.rules.sweepsStrangers = false },
      change: { $0.rules.recoversCreates = false }
    ),
    mistake("recovery takes a node without asking whose it is", after: .cut, leadsTo: "not greater than the last") {
      $0.shell.checksOwnership = false
    },
    mistake(
      "recovery goes on with a node that is being deleted",
      clients: 1,
      after: .delay,
      .refuse,
      .cut,
      .deleteByHand,
      leadsTo: "has deleted itself",
      given: { $0.checksHeldNodes = true },
      change: { $0.rules.leavesDoomedNodes = false }
    ),
    mistake("a watch on a node that is gone is believed to be set", leadsTo: "nothing more happens") {
      $0.shell.reportsMissingNodes = false
    },
    // By the client's library, and then by nobody.
    mistake(
      "watches are not set once more after a reconnect",
      after: .cut,
      .loseWatches,
      leadsTo: "nothing more happens"
    ) {
      $0.rules.watchesAgain = false
    },
    mistake("one's own node is not watched", after: .deleteByHand, leadsTo: "is never told") {
      $0.shell.watchesOwnNode = false
    },
    mistake("that one's own node is gone is not heeded", after: .deleteByHand, leadsTo: "is never told") {
      $0.rules.heedsOwnDeletion = false
    },
    mistake("a grant needs no live session", after: .pause, leadsTo: "after its deadline") {
      $0.rules.needsLiveTerm = false
    },
    mistake("the deadline is later than the server's", after: .pause, leadsTo: "hold the lock at once") {
      $0.shell.deadlineComesFirst = false
    },
    mistake("a blocker that goes always means our turn", clients: 3, after: .cancel, leadsTo: "at once") {
      $0.rules.listsAgainBehindSeveral = false
    },
    mistake(
      "the blocker's end means our turn though nobody has said that our own node is watched",
      after: .deleteByHand,
      leadsTo: "gone before the end of the blocker"
    ) {
      $0.rules.shortcutNeedsOwnWatch = false
    },
    mistake(
      "that an earlier node of ours was watched counts for this one",
      after: .deleteByHand,
      .deleteByHand,
      leadsTo: "gone before the end of the blocker"
    ) {
      $0.rules.ownWatchCountsForItsNode = false
    },
    mistake(
      "that our node was watched on an earlier connection counts on this one",
      after: .cut,
      .deleteByHand,
      leadsTo: "is never told"
    ) {
      $0.rules.ownWatchEndsWithConnection = false
    },
    mistake(
      "the end of whoever we have waited for before counts for the one that we wait for now",
      clients: 3,
      after: .cancel,
      .answerLate,
      leadsTo: "at once"
    ) {
      $0.rules.matchesBlockers = false
    },
    mistake(
      "recovery lists without a sync",
      after: .lag,
      leadsTo: "nothing more happens",
      given: { $0.rules.sweepsStrangers = false },
      change: { $0.rules.syncsRecovery = false }
    ),
    mistake("nodes of ours that nobody knows are left", after: .delay, leadsTo: "nothing more happens") {
      $0.rules.sweepsStrangers = false
    },
    mistake("what is swept may be in use", leadsTo: "at once") {
      $0.rules.sweepsOnlyUnknown = false
    },
    mistake("a try is answered by a request that was sent before it", by: newcomers, leadsTo: "free all the time") {
      $0.rules.asksForNewcomers = false
    },
    mistake(
      "a try is busy behind tries that have had an answer",
      by: newcomers,
      after: .refuse,
      leadsTo: "free all the time"
    ) {
      $0.shell.asksBehindTries = false
    },
    mistake("a release waits out a lost connection", after: .keep, leadsTo: "waits for its release") {
      $0.rules.settlesOnSuspension = false
    },
    mistake("a delete without an answer is not repeated", after: .cut, leadsTo: "nothing more happens") {
      $0.rules.retriesDeletes = false
    },
    mistake("what the server refused is not asked again", after: .refuse, leadsTo: "nothing more happens") {
      $0.rules.repeatsRefused = false
    },
    mistake(
      "what an abandoned create leaves is forgotten",
      after: .cancel,
      leadsTo: "nothing more happens",
      given: { $0.rules.sweepsStrangers = false },
      change: { $0.rules.cleansUpAfterAbandonedCreates = false }
    ),
  ]

  @Test("the explorer finds that", arguments: Self.mistakes)
  func finds(mistake: SeededMistake<QueueModel>) {
    #expect(mistake.model.explore().story == nil)
    let exploration = mistake.explore()
    print("ZooKeeper, if \(mistake): \(exploration)")
    #expect(mistake.isFound(by: exploration))
  }

  @Test("a try that joins when somebody of the same process has just been granted is answered at once")
  func tryBehindHolder() throws {
    var machine = NodeQueue.modelled()
    _ = machine.want(tries: true)
    let node = NodeQueueNode(name: "_c_1-lock-0000000000", czxid: 7, session: 1)
    let view = NodeQueueView(ownIndex: 0, first: node.name, count: 1)
    let entered = machine.handle(.entered(attempt: 1, create: .success(node), view: .success(view)), true)
    #expect(entered.contains(.grant(node)))
    let late = machine.want(newTries: true)
    #expect(late == [.turnAway(NodeQueuePlace(ahead: 1, first: node.name))])
  }

  @Test("a try that comes while a list is on its way is not answered by it: the lock may have been released since")
  func newcomers() throws {
    var machine = NodeQueue.modelled()
    let node = NodeQueueNode(name: "_c_1-lock-0000000001", czxid: 8, session: 1)
    let holder = "a-lock-0000000000"
    let behind = NodeQueueView(ownIndex: 1, blocker: holder, first: holder, count: 2)
    let place = NodeQueuePlace(ahead: 1, first: holder, blocker: holder)
    let again = NodeQueueAction.send(
      .list(attempt: 1, own: node.name, identifier: "1", rule: .mutex, sync: false, session: 1)
    )
    _ = machine.want(tries: true)
    #expect(machine.want(tries: true, newTries: true) == [])
    let entered = machine.handle(.entered(attempt: 1, create: .success(node), view: .success(behind)), true)
    #expect(entered == [.turnAwayEarlier(place), again])
    #expect(!machine.isTaken(for: .exclusive))

    // Of newcomers alone, nobody is answered yet.
    #expect(machine.want(newTries: true) == [])
    let listed = machine.handle(.listed(attempt: 1, .success(behind)), true)
    #expect(listed == [again])

    // Behind a caller that waits, all are.
    #expect(machine.want(waits: true, tries: true) == [])
    #expect(machine.isTaken(for: .exclusive))
    #expect(machine.want(waits: true, tries: true, newTries: true) == [])
    let waiting = machine.handle(.listed(attempt: 1, .success(behind)), true)
    #expect(waiting.first == .turnAway(place))
    #expect(!machine.demand.hasTries)
  }

  @Test("recovery leaves a node alone that is being deleted: the delete may reach it after the grant")
  func recoveryBesideDelete() throws {
    var machine = NodeQueue.modelled()
    let (lower, upper) = ("_c_1-lock-0000000001", "_c_1-lock-0000000002")
    let extra = NodeQueueNode(name: upper, czxid: 0, session: 1)
    _ = machine.want(waits: true)
    _ = machine.handle(.suspended, true)
    _ = machine.handle(.entered(attempt: 1, create: .failure(.inDoubt), view: .failure(.inDoubt)), true)
    _ = machine.handle(.connected(session: 1), true)
    // The create was carried out twice. The look at the lower node and the delete of the upper one are refused for now.
    let both = NodeQueueView(first: lower, count: 2, matches: [lower, upper], ours: [lower, upper])
    #expect(machine.handle(.listed(attempt: 1, .success(both)), true).contains(.send(.delete(extra))))
    _ = machine.handle(.deleted(extra, .failure(.throttled)), true)
    _ = machine.handle(.inspected(attempt: 1, .failure(.throttled)), true)
    _ = machine.handle(.pauseOver(.attempt(1)), true)
    // Somebody deletes the lower one by hand.
    let one = NodeQueueView(first: upper, count: 1, matches: [upper], ours: [upper])
    let next = machine.handle(.listed(attempt: 1, .success(one)), true)
    #expect(next == [.send(.enter(attempt: 1, identifier: "1", rule: .mutex, session: 1))])
    #expect(machine.handle(.pauseOver(.delete(extra)), true) == [.send(.delete(extra))])
  }

  @Test("a watch on one's own node that was lost with the connection is set again")
  func ownWatchLost() throws {
    var machine = NodeQueue.modelled()
    _ = machine.want(waits: true)
    let node = NodeQueueNode(name: "_c_1-lock-0000000001", czxid: 8, session: 1)
    let view = NodeQueueView(ownIndex: 1, blocker: "a-lock-0000000000", first: "a-lock-0000000000", count: 2)
    _ = machine.handle(.entered(attempt: 1, create: .success(node), view: .success(view)), true)
    _ = machine.handle(.blockerWatched(attempt: 1, name: "a-lock-0000000000", .success(())), true)
    let failed = NodeQueueEvent.ownWatched(node, watch: 1, .failure(.inDoubt))
    #expect(machine.handle(failed, true) == [.send(.watchOwnLater(node, watch: 2))])
  }

  /// A machine that waits with a node behind one other.
  private func waiting() -> (machine: NodeQueue, node: NodeQueueNode, blocker: String) {
    var machine = NodeQueue.modelled()
    _ = machine.want(waits: true)
    let node = NodeQueueNode(name: "_c_1-lock-0000000001", czxid: 8, session: 1)
    let blocker = "a-lock-0000000000"
    let view = NodeQueueView(ownIndex: 1, blocker: blocker, first: blocker, count: 2)
    _ = machine.handle(.entered(attempt: 1, create: .success(node), view: .success(view)), true)
    return (machine, node, blocker)
  }

  @Test("the end of another node than the blocker that is waited for changes nothing")
  func endOfAnother() throws {
    var (machine, node, blocker) = self.waiting()
    _ = machine.handle(.ownWatched(node, watch: 1, .success(())), true)
    let other = "b-lock-0000000000"
    #expect(machine.handle(.blockerGone(attempt: 1, name: other), true).isEmpty)
    let missing = NodeQueueEvent.blockerWatched(attempt: 1, name: other, .failure(.noNode))
    #expect(machine.handle(missing, true).isEmpty)
    let granted = machine.handle(.blockerGone(attempt: 1, name: blocker), true)
    #expect(granted == [.grant(node)])
  }

  @Test("the blocker's end before the answer about our own node's watch is looked into")
  func endBeforeAnswer() throws {
    var (machine, node, blocker) = self.waiting()
    // An answer to a watch that is not the present one says nothing.
    _ = machine.handle(.ownWatched(node, watch: 7, .success(())), true)
    let actions = machine.handle(.blockerGone(attempt: 1, name: blocker), true)
    #expect(
      actions == [.send(.list(attempt: 1, own: node.name, identifier: "1", rule: .mutex, sync: false, session: 1))]
    )
  }

  @Test("a list that shows somebody ahead without a name grants nothing")
  func namelessBlocker() throws {
    var machine = NodeQueue.modelled()
    _ = machine.want(waits: true)
    let node = NodeQueueNode(name: "_c_1-lock-0000000001", czxid: 8, session: 1)
    let view = NodeQueueView(ownIndex: 1, first: "a-lock-0000000000", count: 2)
    let actions = machine.handle(.entered(attempt: 1, create: .success(node), view: .success(view)), true)
    #expect(
      actions == [.send(.list(attempt: 1, own: node.name, identifier: "1", rule: .mutex, sync: false, session: 1))]
    )
  }

  @Test("a session that cannot be proven ends the wait of whoever is first, and the node goes")
  func unprovable() throws {
    var (machine, node, blocker) = self.waiting()
    _ = machine.handle(.ownWatched(node, watch: 1, .success(())), true)
    let ripe = machine.handle(.blockerGone(attempt: 1, name: blocker), false)
    #expect(ripe == [.send(.awaitLiveTerm(session: 1))])
    let refused = machine.handle(.unprovable(session: 1, .modelled), false)
    #expect(refused == [.send(.forgetWatches), .send(.delete(node)), .fail(.modelled)])
  }
}

extension NodeQueue {
  /// A machine whose session is connected.
  fileprivate static func modelled() -> NodeQueue {
    NodeQueue(
      rule: { _ in .mutex },
      session: 1,
      directoryVanishes: .modelled,
      directoryIsMixed: .modelled
    ) { "\($0)" }
  }

  fileprivate mutating func want(waits: Bool = false, tries: Bool = false, newTries: Bool = false) -> [NodeQueueAction]
  {
    self.demand = Demand(waits: waits, tries: tries, newTries: newTries)
    return self.demandChanged(true)
  }
}

#if Etcd
import Latchkey
import LatchkeyExplorer
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@testable import LatchkeyEtcd

@Suite(
  "The queue and the session of an etcd lock, explored without a server",
  .timeLimit(.minutes(isExploringDeeply ? 120 : 20))
)
struct QueueExplorationTests {
  private static let patient = [true]
  private static let two = [patient, patient]
  private static let three = [patient, patient, patient]
  /// One client that comes back, so that keys are used again.
  private static let returning = [[true, true], patient]
  private static let tries = [[true, false], [false]]
  /// Two tries of one client while another one's lock is released.
  private static let newcomers = [[false, false], [true]]

  private func expectSound(
    _ what: String,
    _ model: some ExplorationModel,
    _ order: ExplorationOrder = .breadthFirst
  ) {
    let exploration = model.explore(order) { print("  … \($0)") }
    print("etcd, \(what): \(exploration)")
    #expect(exploration.story == nil)
    #expect(exploration.isComplete)
  }

  /// Faults after which a client goes on with what it has.
  private static let common: [QueueModel.Fault] = [
    .cancel, .loseAnswer, .failEntry, .loseEvent, .breakStream, .deleteByHand, .restart,
  ]

  @Test("hold in every state of three clients")
  func threeClients() {
    self.expectSound("three clients", QueueModel(callers: Self.three, faults: 0))
    self.expectSound("tries", QueueModel(callers: Self.newcomers, faults: 1, of: [.cancel]))
  }

  @Test("hold in every state of two clients with one fault")
  func oneFault() {
    self.expectSound("two clients, one common fault", QueueModel(callers: Self.two, faults: 1, of: Self.common))
    self.expectSound("two clients, one pause", QueueModel(callers: Self.two, faults: 1, of: [.pause]))
    self.expectSound("two clients, one late copy", QueueModel(callers: Self.two, faults: 1, of: [.delayRequest]))
  }

  @Test("hold in every state of a client that comes back, and finds its watches still set")
  func watchesLeft() {
    self.expectSound("a client that comes back", QueueModel(callers: Self.returning, faults: 0))
    guard isExploringDeeply else { return }
    let cancelled = QueueModel(callers: Self.returning, faults: 1, of: [.cancel])
    self.expectSound("a client that comes back, one cancellation", cancelled)
  }

  @Test("hold in every state of two sets of locks of one client, whose requests share transactions")
  func sharedTransactions() {
    let small = [[[true, true]], Self.two, Self.tries]
    for callers in isExploringDeeply ? small + [Self.returning] : small {
      var shared = QueueModel(callers: callers, faults: 1, of: [.cancel])
      shared.sharesFlights = true
      shared.hasNestedNeighbours = true
      self.expectSound("two sets of locks of one client, one cancellation", shared)
      // Either of two rules is enough.
      shared.scheduling.deletesFirst = false
      self.expectSound("the same, if deletes come in any order", shared)
      shared.scheduling.deletesFirst = true
      shared.shell.datesSharedReads = false
      self.expectSound("the same, if reads are dated by the whole transaction", shared)
    }
  }

  @Test("hold in every state of three clients with any fault", .enabled(if: isExploringDeeply))
  func threeClientsOneFault() {
    self.expectSound("three clients, one fault", QueueModel(callers: Self.three, faults: 1))
  }

  @Test("hold in every state of two clients with any two faults", .enabled(if: isExploringDeeply))
  func twoFaults() {
    self.expectSound("two clients, two faults", QueueModel(callers: Self.two, faults: 2))
  }

  /// Clients that are paused make the space thirty times larger.
  @Test("hold in every state of three clients with any two faults but pauses", .enabled(if: isExploringDeeply))
  func threeClientsTwoFaultsButPauses() {
    let faults = QueueModel.Fault.allCases.filter { $0 != .pause }
    self.expectSound(
      "three clients, two faults but pauses",
      QueueModel(callers: Self.three, faults: 2, of: faults),
      .depthFirst
    )
  }

  @Test(
    "show the same grants and releases, and end alike, where steps are taken alone whose order cannot matter",
    arguments: QueueModel.Fault.allCases
  )
  func reduction(fault: QueueModel.Fault) {
    for callers in isExploringDeeply ? [Self.two, Self.returning] : [Self.two] {
      let reduced = QueueModel(callers: callers, faults: 1, of: [fault])
      var full = reduced
      full.isReduced = false
      let ends = Self.traced(full).ends()
      #expect(ends.count > 1)
      #expect(Self.traced(reduced).ends() == ends)
    }
  }

  @Test("lead to the same from all states that are taken for one", arguments: QueueModel.Fault.allCases)
  func digests(fault: QueueModel.Fault) {
    let callers = isExploringDeeply ? [Self.two, Self.returning, Self.three] : [Self.two]
    for callers in callers {
      var model = QueueModel(callers: callers, faults: 1, of: [fault])
      model.isReduced = false
      #expect(model.firstAmbiguity() == nil)
    }
  }

  /// What can be seen from outside: who is granted the lock, as far as clients can be told apart, while how many hold it, and
  /// who gives it back. Whose key is lost, to a deadline or by hand, is granted nothing that counts, whether it has been told or
  /// not. When faults strike cannot be seen: the order of a fault and of what another client does is one of those that cannot
  /// matter.
  private static func traced(_ model: QueueModel) -> TracedModel<QueueModel> {
    TracedModel(model) { step, before, after in
      let holders = before.clients.map { Self.holds($0, before) }
      let granted = after.clients.indices.first { !holders[$0] && Self.holds(after.clients[$0], after) }
      if let granted { return UInt64(1 + holders.count { $0 } * 10 + after.clients[granted].callers.count) }
      if case .release(let index) = step, holders[index] { return 100 }
      return nil
    }
  }

  private static func holds(_ client: ModelClient, _ state: QueueModel.State) -> Bool {
    client.hold.map { $0.isHeld && !state.deletedByHand.contains($0.node.revision) } ?? false
  }

  @Test("hold in every state of one session with any three faults, at any delays")
  func session() {
    self.expectSound("one session, three faults", LeaseModel(faults: 3))
  }

  @Test("hold in every state of three clients with any two faults", .enabled(if: isExploringDeeply))
  func threeClientsTwoFaults() {
    self.expectSound("three clients, two faults", QueueModel(callers: Self.three, faults: 2), .depthFirst)
  }

  @Test("hold in every state of a client that comes back with any fault", .enabled(if: isExploringDeeply))
  func returning() {
    self.expectSound("a client that comes back, one fault", QueueModel(callers: Self.returning, faults: 1))
  }

  @Test("hold on ways through spaces that are too large to be explored: four clients, eight callers, four faults")
  func walks() {
    let model = QueueModel(callers: Array(repeating: [true, false], count: 4), faults: 4)
    for seed in 0..<500 as Range<UInt64> {
      if let story = model.walk(seed: seed, length: 150) {
        Issue.record("seed \(seed): \(story)")
        return
      }
    }
  }

  @Test(
    "a key that is deleted between the last look at its place and the setting of its watch is noticed by its holder"
  )
  func deletedBeforeWatched() {
    var machine = KeyQueue(session: 1)
    machine.demand = Demand(waits: true)
    _ = machine.demandChanged(true)
    let node = KeyQueueNode(key: [1], slot: 0, revision: 7, session: 1)
    let behind = KeyQueueEntry.entered(node, KeyQueueView(predecessor: [2], isNext: true, ahead: 1))
    _ = machine.handle(.entered(attempt: 1, .success(behind), node: nil, copies: 0), true)
    _ = machine.handle(.predecessorWatched(attempt: 1, key: [2], isGapless: false), true)
    let check = machine.handle(.predecessorGone(attempt: 1, key: [2]), true)
    #expect(check == [.send(.check(attempt: 1, node))])
    // The server has looked by now; the key is deleted; then the watch is set, and tells nothing.
    _ = machine.handle(.ownWatched(node, isGapless: false), true)
    let granted = machine.handle(.checked(attempt: 1, .success(.standing(KeyQueueView()))), true)
    #expect(granted == [.grant(node), .send(.confirm(node))])
    let lost = machine.handle(.confirmed(node, exists: false), true)
    #expect(lost.contains(.lose(node)))
  }

  private static func mistake(
    _ description: String,
    by callers: [[Bool]] = QueueExplorationTests.two,
    after fault: QueueModel.Fault? = nil,
    leadsTo outcome: String,
    change: @escaping @Sendable (inout QueueModel) -> Void
  ) -> SeededMistake<QueueModel> {
    let model = QueueModel(callers: callers, faults: fault == nil ? 0 : 1, of: fault.map { [$0] } ?? [])
    return SeededMistake(description, in: model, leadsTo: outcome, change: change)
  }

  static let mistakes: [SeededMistake<QueueModel>] = [
    mistake("a predecessor that goes always means our turn", by: three, after: .cancel, leadsTo: "at once") {
      $0.rules.readsBehindSeveral = false
    },
    mistake("nobody looks what happened before a watch was set", leadsTo: "nothing more happens") {
      $0.rules.readsOnceWatched = false
    },
    mistake(
      "a watch that was left is believed, whatever it told",
      by: returning,
      after: .cancel,
      leadsTo: "nothing more happens"
    ) {
      $0.shell.trustsOldWatches = true
    },
    mistake("that one's own key is gone is not heeded", after: .deleteByHand, leadsTo: "is never told") {
      $0.rules.heedsOwnDeletion = false
    },
    mistake("one's own key is not watched", after: .deleteByHand, leadsTo: "is never told") {
      $0.shell.watchesOwnKey = false
    },
    mistake("a grant needs no live session", after: .pause, leadsTo: "after its deadline") {
      $0.rules.needsLiveTerm = false
    },
    mistake("the deadline is later than the server's", after: .pause, leadsTo: "hold the lock at once") {
      $0.shell.deadlineComesFirst = false
    },
    mistake("what an abandoned entry leaves is forgotten", after: .cancel, leadsTo: "nothing more happens") {
      $0.rules.cleansUpAfterAbandonedEntries = false
    },
    mistake("a key that may come back is not swept", after: .delayRequest, leadsTo: "nothing more happens") {
      $0.rules.sweepsDoubtfulKeys = false
    },
    mistake("a key is used again before it is gone for good", by: returning, after: .delayRequest, leadsTo: "at once") {
      $0.rules.sparesOccupiedSlots = false
      $0.shell.comparesOnDelete = false
    },
    mistake(
      "what an entry that was answered with an error has left is forgotten",
      after: .failEntry,
      leadsTo: "nothing more"
    ) {
      $0.rules.cleansUpAfterFailedEntries = false
    },
    mistake(
      "deletes that share a transaction with a read behind it count as known",
      by: returning,
      after: .cancel,
      leadsTo: "nothing more happens"
    ) {
      $0.sharesFlights = true
      $0.scheduling.deletesFirst = false
      $0.shell.datesSharedReads = false
    },
    mistake("two keys of one queue are created in one transaction", leadsTo: "is not greater than the last") {
      $0.sharesFlights = true
      $0.scheduling.separatesKeysOfOnePrefix = false
    },
    mistake(
      "a key among those of nested names is written and forgotten",
      by: [[false]],
      leadsTo: "nothing more happens"
    ) {
      $0.hasNestedNeighbours = true
      $0.scheduling.separatesNestedNames = false
      $0.shell.knowsOwnRevision = false
    },
    mistake("a try is answered by a request that was sent before it", by: newcomers, leadsTo: "free all the time") {
      $0.rules.asksForNewcomers = false
    },
    mistake("a release whose session ends is left unanswered", after: .pause, leadsTo: "is never answered") {
      $0.rules.settlesReleasesWithSession = false
    },
    mistake("an event that was lost is not made up for", after: .loseEvent, leadsTo: "nothing more happens") {
      $0.rules.rechecks = false
    },
  ]

  @Test("the explorer finds that", arguments: Self.mistakes)
  func finds(mistake: SeededMistake<QueueModel>) {
    let exploration = mistake.explore()
    print("etcd, if \(mistake): \(exploration)")
    #expect(mistake.isFound(by: exploration))
  }

  static let sessionMistakes: [SeededMistake<LeaseModel>] = [
    SeededMistake("the deadline counts from the reply", in: LeaseModel(faults: 0), leadsTo: "the server has ended it") {
      $0.rules.countsFromSend = false
    },
    SeededMistake(
      "the time to live is what was asked for",
      in: LeaseModel(faults: 0),
      leadsTo: "the server has ended it"
    ) {
      $0.rules.usesReturnedTime = false
    },
    SeededMistake("a session goes on after its deadline", in: LeaseModel(faults: 0), leadsTo: "has passed is moved") {
      $0.rules.endsAtDeadline = false
    },
    SeededMistake(
      "a deadline that passes while it is moved ends nothing",
      in: LeaseModel(faults: 0),
      leadsTo: "kept alive although"
    ) {
      $0.rules.heedsEndedTerms = false
    },
  ]

  @Test("the explorer finds that", arguments: Self.sessionMistakes)
  func findsInSession(mistake: SeededMistake<LeaseModel>) {
    #expect(mistake.model.explore().story == nil)
    let exploration = mistake.explore()
    print("etcd, if \(mistake): \(exploration)")
    #expect(mistake.isFound(by: exploration))
  }
}
#endif

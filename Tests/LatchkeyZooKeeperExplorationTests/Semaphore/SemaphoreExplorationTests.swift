import Latchkey
import LatchkeyExplorer
import LatchkeyTestSupport
import Testing

@testable import LatchkeyZooKeeper

@Suite("A semaphore in ZooKeeper, explored without a server", .timeLimit(.minutes(20)))
struct SemaphoreExplorationTests {
  private typealias Caller = SemaphoreModelCaller

  private static let one = [SemaphoreModelCaller()]
  private static let two = [SemaphoreModelCaller(permits: 2)]
  private static let attempt = [SemaphoreModelCaller(isPatient: false)]
  private static let keeper = [SemaphoreModelCaller(keeps: true)]

  private func expectSound(_ what: String, _ model: SemaphoreModel) {
    let exploration = model.explore(upTo: 5_000_000)
    print("ZooKeeper's semaphore, \(what): \(exploration)")
    #expect(exploration.story == nil && exploration.isComplete)
  }

  @Test("holds in every state of three clients for one permit", .enabled(if: isExploringDeeply))
  func threeClients() {
    self.expectSound("three for one of one", SemaphoreModel([Self.one, Self.one, Self.one], limit: 1))
    self.expectSound("one and two of two, one fault", SemaphoreModel([Self.one, Self.two], limit: 2, faults: 1))
  }

  @Test("holds in every state of requests for one and for two")
  func sizes() {
    self.expectSound("one, two of two", SemaphoreModel([Self.one + Self.one, Self.two], limit: 2))
    self.expectSound("two in one process", Self.wantsChange)
  }

  @Test("holds in every state of two clients with any one fault")
  func faults() {
    self.expectSound("two for one of one, one fault", SemaphoreModel([Self.one, Self.one], limit: 1, faults: 1))
  }

  @Test("holds in every state beside clients of Curator's")
  func curator() {
    self.expectSound("beside Curator", SemaphoreModel([Self.one, Self.one], curators: 1, limit: 1))
    self.expectSound("two beside Curator", SemaphoreModel([Self.two], curators: 2, limit: 2, faults: 1))
  }

  @Test("holds in every state of a limit that is moved")
  func sharedLimit() {
    self.expectSound("2, then 1", SemaphoreModel([Self.one, Self.one], limit: 2, moves: [1]))
    self.expectSound("1, then 2", SemaphoreModel([Self.keeper, Self.one], limit: 1, moves: [2]))
    self.expectSound("two of 2, then 1, then 2", SemaphoreModel([Self.two, Self.one], limit: 2, moves: [1, 2]))
    self.expectSound(
      "2, then 1, one fault",
      SemaphoreModel([Self.two], curators: 1, limit: 2, moves: [1, 2], faults: 1)
    )
  }

  @Test("holds in every state of tries, and of a place that is not made yet")
  func tries() {
    self.expectSound("tries", Self.newcomers)
    var unmade = SemaphoreModel([Self.attempt, Self.one], limit: 1, isShared: true)
    unmade.isPlaceMade = false
    self.expectSound("no place", unmade)
  }

  @Test("holds on ways through spaces that are too large to be explored: four clients, two of Curator's, four faults")
  func walks() {
    let callers = [Self.one + Self.attempt, Self.two + Self.one, Self.one + Self.two, Self.attempt + Self.two]
    let model = SemaphoreModel(callers, curators: 2, limit: 3, moves: [1, 4, 2], faults: 4)
    for seed in 0..<200 as Range<UInt64> {
      if let story = model.walk(seed: seed, length: 200) {
        Issue.record("seed \(seed): \(story)")
        return
      }
    }
  }

  @Test("leads to the same from all states that are taken for one")
  func digests() {
    #expect(SemaphoreModel([Self.one, Self.one], limit: 1).firstAmbiguity() == nil)
    #expect(SemaphoreModel([Self.two], curators: 1, limit: 2, moves: [1], faults: 1).firstAmbiguity() == nil)
    guard isExploringDeeply else { return }
    #expect(SemaphoreModel([Self.one, Self.two], limit: 2, faults: 1).firstAmbiguity() == nil)
  }

  // MARK: Mistakes

  /// A caller for two before one for one, in one process, beside a client of Curator's.
  private static let wantsChange = SemaphoreModel([two + one], curators: 1, limit: 2, faults: 1, of: [.cancel])
  private static let newcomers = SemaphoreModel([attempt + attempt, one], limit: 1)

  /// Two tries for all that there is.
  private static func alone(_ permits: Int) -> SemaphoreModel {
    let attempt = [SemaphoreModelCaller(permits: permits, isPatient: false)]
    var model = SemaphoreModel([attempt, attempt], limit: permits)
    model.mustGrant = true
    return model
  }

  private static func mistake(
    _ description: String,
    _ callers: [[SemaphoreModelCaller]] = [one, one],
    curators: Int = 0,
    limit: Int = 1,
    moves: [Int] = [],
    after faults: SemaphoreModel.Fault...,
    leadsTo outcome: String,
    given: (inout SemaphoreModel) -> Void = { _ in },
    change: @escaping @Sendable (inout SemaphoreModel) -> Void
  ) -> SeededMistake<SemaphoreModel> {
    var model = SemaphoreModel(
      callers,
      curators: curators,
      limit: limit,
      moves: moves,
      faults: faults.count,
      of: faults
    )
    given(&model)
    return SeededMistake(description, in: model, leadsTo: outcome, change: change)
  }

  static let mistakes: [SeededMistake<SemaphoreModel>] = [
    mistake("the permits are listed before the create", [one], leadsTo: "did not show") {
      $0.shell.listsBehindCreate = false
      $0.rules.missesOwnNodes = false
    },
    SeededMistake("all nodes count against ours", in: alone(1), leadsTo: "every try was told") {
      $0.rules.ranks = false
    },
    SeededMistake("the nodes of a claim are made one by one", in: alone(2), leadsTo: "every try was told") {
      $0.shell.createsAtOnce = false
    },
    mistake(
      "who does not fit leaves its node",
      [one],
      curators: 1,
      leadsTo: "nothing more happens",
      given: { $0.rules.sweepsStrangers = false },
      change: { $0.rules.withdraws = false }
    ),
    mistake(
      "who has lost its place in the queue waits on among the permits",
      [one],
      curators: 2,
      after: .deletePlace,
      leadsTo: "nothing more happens"
    ) { $0.rules.reentersQueue = false },
    mistake(
      "the place in the queue is left before the node is made",
      [one],
      curators: 2,
      leadsTo: "nothing more happens"
    ) {
      $0.rules.keepsPlaceAsHead = false
    },
    mistake(
      "one of the permits before ours is watched",
      [keeper + one],
      curators: 1,
      limit: 2,
      leadsTo: "nothing more happens"
    ) {
      $0.shell.watchesAllPermits = false
    },
    mistake("who heads the queue is deaf to permits", [one], curators: 1, leadsTo: "nothing more happens") {
      $0.rules.heedsPermits = false
    },
    mistake("the fast path ignores the queue", [one], curators: 1, leadsTo: "comes before one that stood in the queue")
    {
      $0.rules.heedsQueue = false
    },
    mistake("the limit is read before the create", limit: 2, moves: [1], leadsTo: "at no moment") {
      $0.shell.limitPart = 0
    },
    mistake("the limit is read before the list", [one], curators: 2, limit: 2, moves: [1], leadsTo: "at no moment") {
      $0.shell.limitPart = 1
    },
    mistake(
      "a list is judged by a limit that has changed before",
      [one],
      curators: 2,
      limit: 2,
      moves: [1],
      after: .delay,
      leadsTo: "at no moment"
    ) { $0.rules.forgetsChangedLimit = false },
    mistake("who heads the queue is deaf to the limit", [keeper, one], moves: [2], leadsTo: "nothing more happens") {
      $0.rules.heedsLimit = false
    },
    mistake(
      "who wants more than the limit keeps its place",
      [two, one],
      limit: 2,
      moves: [1],
      leadsTo: "nothing more happens"
    ) { $0.rules.stepsAside = false },
    mistake("of several nodes, the first must fit", [one, two], limit: 2, leadsTo: "are held of") {
      $0.rules.judgesByHighest = false
    },
    SeededMistake("the nodes for one caller are taken for another", in: wantsChange, leadsTo: "does not want") {
      $0.rules.followsWant = false
    },
    // Without the sweep, which would mend it; so below.
    mistake(
      "a create without an answer is forgotten",
      [one],
      after: .cut,
      leadsTo: "nothing more happens",
      given: { $0.rules.sweepsStrangers = false },
      change: { $0.rules.recoversCreates = false }
    ),
    mistake(
      "what an abandoned create leaves is forgotten",
      [one],
      after: .cancel,
      leadsTo: "nothing more happens",
      given: { $0.rules.sweepsStrangers = false },
      change: { $0.rules.cleansUpAfterAbandonedCreates = false }
    ),
    mistake("nodes of ours that nobody knows are left", [one], after: .delay, leadsTo: "never comes to rest") {
      $0.rules.sweepsStrangers = false
    },
    mistake("what is swept may be in use", leadsTo: "are held of") { $0.rules.sweepsOnlyUnknown = false },
    mistake(
      "who waits in the queue does not look out",
      [one],
      curators: 1,
      after: .delay,
      leadsTo: "nothing more happens"
    ) {
      $0.rules.looksOut = false
    },
    mistake("a delete without an answer is not repeated", [one], after: .cut, leadsTo: "nothing more happens") {
      $0.rules.retriesDeletes = false
    },
    mistake("what the server refused is not asked again", [one], after: .refuse, leadsTo: "nothing more happens") {
      $0.rules.repeatsRefused = false
    },
    mistake(
      "watches are not set once more after a reconnect",
      [one],
      curators: 1,
      after: .cut,
      leadsTo: "nothing more happens"
    ) {
      $0.rules.watchesAgain = false
    },
    mistake("a grant needs no live session", [one], after: .pause, leadsTo: "after its deadline") {
      $0.rules.needsLiveTerm = false
    },
    mistake("the deadline is later than the server's", [one], curators: 1, after: .pause, leadsTo: "are held of") {
      $0.shell.deadlineComesFirst = false
    },
    mistake("that a node is gone is not heeded", [one], after: .deleteByHand, leadsTo: "is never told") {
      $0.rules.heedsOwnDeletion = false
    },
    mistake(
      "of a lease that has lost a node, the others stay",
      [two],
      limit: 2,
      after: .deleteByHand,
      leadsTo: "nothing more happens"
    ) { $0.rules.deletesRest = false },
    mistake("who waits does not miss its nodes", [one], after: .deleteByHand, leadsTo: "did not show") {
      $0.rules.missesOwnNodes = false
    },
    SeededMistake("a try is answered by a request that was sent before it", in: newcomers, leadsTo: "free all the time")
    {
      $0.rules.asksForNewcomers = false
    },
  ]

  @Test("the explorer finds that", arguments: Self.mistakes)
  func finds(mistake: SeededMistake<SemaphoreModel>) {
    #expect(mistake.model.explore().story == nil)
    let exploration = mistake.explore()
    print("ZooKeeper's semaphore, if \(mistake): \(exploration)")
    #expect(mistake.isFound(by: exploration))
  }
}

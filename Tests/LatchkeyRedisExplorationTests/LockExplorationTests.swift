import LatchkeyExplorer
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@testable import LatchkeyRedis

@Suite("The Redis lock and Redlock, explored without a server", .timeLimit(.minutes(isExploringDeeply ? 120 : 30)))
struct LockExplorationTests {
  private static let two = [[true], [true]]
  private static let three = [[true], [true], [true]]
  /// One client that comes back while its last release may still be under way.
  private static let returning = [[true, true], [true]]
  /// Two tries of one client while another one's lock is released.
  private static let tries = [[false, false], [true]]

  /// - Parameter limit: Beyond this many states, what was reached is enough: the space is too large.
  private func expectSound(
    _ what: String,
    _ model: some ExplorationModel,
    _ order: ExplorationOrder = .breadthFirst,
    upTo limit: Int? = nil
  ) {
    let exploration = model.explore(order, upTo: limit ?? .max) { print("  … \($0)") }
    print("Redis, \(what): \(exploration)")
    #expect(exploration.story == nil)
    #expect(exploration.isComplete || limit != nil)
  }

  @Test("one server holds in every state of three clients")
  func threeClients() {
    self.expectSound("one server, three clients", LockModel(servers: 1, callers: Self.three, faults: 0, isTimed: false))
    self.expectSound(
      "one server, tries",
      LockModel(servers: 1, callers: Self.tries, faults: 1, of: [.cancel, .cut], isTimed: false, isPollingEager: false)
    )
  }

  @Test("one server holds in every state of two clients with any fault")
  func oneFault() {
    self.expectSound(
      "one server, two clients, one fault",
      LockModel(servers: 1, callers: Self.two, faults: 1, isTimed: false)
    )
  }

  @Test("one server holds in every state of three clients with any two faults", .enabled(if: isExploringDeeply))
  func threeClientsTwoFaults() {
    self.expectSound(
      "one server, three clients, two faults",
      LockModel(servers: 1, callers: Self.three, faults: 2, isTimed: false)
    )
  }

  @Test(
    "one server holds in every state of two clients with any fault while time passes",
    .enabled(if: isExploringDeeply)
  )
  func timed() {
    self.expectSound(
      "one server, two clients, one fault, time",
      LockModel(servers: 1, callers: Self.two, faults: 1, isPollingEager: false)
    )
  }

  @Test("Redlock of three servers holds in every state of two clients")
  func quorum() {
    self.expectSound("three servers, two clients", Self.quorum(0))
  }

  @Test("a lease that is renewed holds in every state with any two faults, at any delays")
  func renewal() {
    self.expectSound("a renewed lease, two faults", RenewalModel(faults: 2))
  }

  // MARK: On demand

  @Test("Redlock of three servers holds in every state of two clients with any fault", .enabled(if: isExploringDeeply))
  func quorumOneFault() {
    self.expectSound("three servers, two clients, one fault", Self.quorum(1, LockModel.Fault.allCases))
  }

  @Test(
    "one server holds in every state of two clients with any two faults while time passes, replies at once",
    .enabled(if: isExploringDeeply)
  )
  func timedTwoFaults() {
    let model = LockModel(servers: 1, callers: Self.two, faults: 2, areRepliesSlow: false, isPollingEager: false)
    self.expectSound("one server, two clients, two faults, time", model)
  }

  @Test(
    "one server holds in every state of three clients with any fault while time passes, replies at once",
    .enabled(if: isExploringDeeply)
  )
  func timedThreeClientsOneFault() {
    let model = LockModel(servers: 1, callers: Self.three, faults: 1, areRepliesSlow: false, isPollingEager: false)
    self.expectSound("one server, three clients, one fault, time", model)
  }

  @Test(
    "one server holds in every state of three clients with any two faults while time passes, replies at once",
    .enabled(if: isExploringDeeply)
  )
  func timedThreeClientsTwoFaults() {
    let model = LockModel(servers: 1, callers: Self.three, faults: 2, areRepliesSlow: false, isPollingEager: false)
    self.expectSound("one server, three clients, two faults, time", model, .depthFirst)
  }

  @Test("Redlock of three servers holds in every state of three clients", .enabled(if: isExploringDeeply))
  func quorumThreeClients() {
    self.expectSound("three servers, three clients", Self.quorum(0, callers: Self.three), .depthFirst)
  }

  @Test(
    "Redlock of three servers holds in every state of three clients that try once, with any two faults",
    .enabled(if: isExploringDeeply)
  )
  func quorumThreeClientsTwoFaults() {
    self.expectSound(
      "three servers, three clients, an attempt each, two faults",
      Self.quorum(2, LockModel.Fault.allCases, callers: Self.three, patience: 1),
      .depthFirst
    )
  }

  @Test(
    "Redlock of three servers holds in every state of two clients that try twice, with any two faults",
    .enabled(if: isExploringDeeply)
  )
  func quorumTwoFaults() {
    self.expectSound(
      "three servers, two clients, two attempts each, two faults",
      Self.quorum(2, LockModel.Fault.allCases, patience: 2),
      .depthFirst
    )
  }

  @Test(
    "Redlock holds in the first three million states of three clients with two faults while time passes",
    .enabled(if: isExploringDeeply)
  )
  func timedQuorum() {
    let model = LockModel(servers: 3, callers: Self.three, faults: 2, areRepliesSlow: false, isPollingEager: false)
    self.expectSound("three servers, three clients, two faults, time", model, upTo: 3_000_000)
  }

  /// Models that are small enough to be explored with every order of steps too.
  static let reducible: [LockModel] =
    [
      LockModel(
        servers: 1,
        callers: returning,
        faults: isExploringDeeply ? 1 : 0,
        isTimed: false,
        isPollingEager: false
      ),
      LockModel(servers: 1, callers: two, faults: 1, isTimed: false),
      LockModel(servers: 1, callers: two, faults: 0, isPollingEager: false),
    ] + (isExploringDeeply ? [quorum(0, callers: returning)] : [])

  @Test(
    "show the same grants, releases and faults, and end alike, where steps are taken alone whose order cannot matter",
    arguments: Self.reducible
  )
  func reduction(reduced: LockModel) {
    var full = reduced
    full.isReduced = false
    let ends = Self.traced(full).ends()
    #expect(ends.count > 1)
    #expect(Self.traced(reduced).ends() == ends)
  }

  /// Models that are small enough for every way to every state to be looked at.
  static let comparable: [LockModel] =
    isExploringDeeply
    ? [
      LockModel(servers: 1, callers: returning, faults: 1, isTimed: false, isPollingEager: false),
      LockModel(servers: 1, callers: two, faults: 1, isPollingEager: false),
      LockModel(servers: 1, callers: three, faults: 1, areRepliesSlow: false, isPollingEager: false),
      quorum(1, [.cancel]),
    ]
    : [
      LockModel(servers: 1, callers: two, faults: 1, isTimed: false, isPollingEager: false),
      LockModel(servers: 1, callers: two, faults: 0, isPollingEager: false),
      quorum(0),
    ]

  @Test("lead to the same from all states that are taken for one", arguments: Self.comparable)
  func digests(reduced: LockModel) {
    var full = reduced
    full.isReduced = false
    #expect(full.firstAmbiguity() == nil)
  }

  /// What can be seen from outside: who is granted the lock, as far as clients can be told apart, while how many hold it,
  /// releases, and faults.
  private static func traced(_ model: LockModel) -> TracedModel<LockModel> {
    TracedModel(model) { step, before, after in
      let holders = before.clients.count { $0.hold != nil }
      let granted = zip(before.clients, after.clients).first { $0.hold == nil && $1.hold != nil }?.1
      if let granted { return UInt64(1 + holders * 10 + granted.callers.count) }
      if case .release = step { return 100 }
      if case .tick = step { return nil }
      return model.isFault(step, in: before) ? 200 : nil
    }
  }

  @Test("hold on ways through spaces that are too large to be explored", arguments: [1, 3, 5])
  func walks(servers: Int) {
    let model = LockModel(servers: servers, callers: Array(repeating: [true, false], count: 3), faults: 4)
    for seed in 0..<100 as Range<UInt64> {
      if let story = model.walk(seed: seed, length: 150) {
        Issue.record("seed \(seed): \(story)")
        return
      }
    }
  }

  // MARK: Mistakes

  static let mistakes: [SeededMistake<LockModel>] = [
    SeededMistake("the deadline counts from the reply", in: single([]), leadsTo: "hold the lock at once") {
      $0.shell.countsFromSending = false
    },
    SeededMistake("nothing is taken off for drift", in: single([]), leadsTo: "hold the lock at once") {
      $0.shell.allowsForDrift = false
    },
    SeededMistake(
      "a release deletes whoever's key",
      in: LockModel(servers: 1, callers: Self.returning, faults: 0),
      leadsTo: "the lock"
    ) {
      $0.shell.comparesOnRelease = false
    },
    SeededMistake("tokens are only counted", in: single([.forget]), leadsTo: "token that is not greater") {
      $0.shell.mintsByClock = false
    },
    SeededMistake("a lost reply makes it ask as another owner", in: untimed(1, [.cut]), leadsTo: "nothing more happens")
    {
      $0.turns.repeatsOwner = false
    },
    SeededMistake("an owner is not told that its key stands", in: untimed(1, [.cut]), leadsTo: "never comes to rest") {
      $0.shell.knowsOwner = false
    },
    SeededMistake(
      "what an abandoned attempt may hold is not released",
      in: untimed(2, [.cut, .cancel]),
      leadsTo: "nothing more happens"
    ) {
      $0.turns.releasesDoubt = false
    },
    SeededMistake(
      "a late request survives its release",
      in: untimed(2, [.cut, .cancel]),
      leadsTo: "nothing more happens"
    ) {
      $0.attempts.key.sweeps = false
    },
    SeededMistake(
      "a try is answered by a request that was sent before it",
      in: LockModel(servers: 1, callers: Self.tries, faults: 0, isTimed: false, isPollingEager: false),
      leadsTo: "free all the time"
    ) {
      $0.turns.asksForNewcomers = false
    },
    SeededMistake("a split vote leaves its keys", in: quorum(0), leadsTo: "nothing more happens") {
      $0.votes.releasesFailures = false
    },
    SeededMistake("a server that was started again votes at once", in: quorum(1, [.restart]), leadsTo: "at once") {
      $0.votes.distrustsFreshServers = false
    },
    SeededMistake("nobody asks a server which run it is", in: quorum(1, [.restart]), leadsTo: "at once") {
      $0.shell.hasProbation = false
    },
    SeededMistake(
      "whoever takes over an address is believed if it has long been up",
      in: quorum(1, [.replace]),
      leadsTo: "at once"
    ) {
      $0.probation.distrustsSuccessors = false
    },
    SeededMistake("a release that finds nothing says nothing", in: untimed(1, [.delete]), leadsTo: "told nothing of it")
    {
      $0.attempts.findsLosses = false
    },
    SeededMistake(
      "a quorum counts however late it comes",
      in: LockModel(servers: 3, callers: [[true]], faults: 0, isPollingEager: false),
      leadsTo: "after its deadline"
    ) {
      $0.votes.refusesLateQuorum = false
    },
  ]

  /// One server while time passes.
  private static func single(_ faults: [LockModel.Fault]) -> LockModel {
    LockModel(servers: 1, callers: Self.two, faults: min(faults.count, 1), of: faults, isPollingEager: false)
  }

  /// One server without regard to time.
  private static func untimed(_ budget: Int, _ faults: [LockModel.Fault]) -> LockModel {
    LockModel(servers: 1, callers: Self.two, faults: budget, of: faults, isTimed: false, isPollingEager: false)
  }

  /// Three servers without regard to time.
  private static func quorum(
    _ budget: Int,
    _ faults: [LockModel.Fault] = [],
    callers: [[Bool]] = two,
    patience: UInt64 = 0
  ) -> LockModel {
    var model = LockModel(
      servers: 3,
      callers: callers,
      faults: budget,
      of: faults,
      isTimed: false,
      areRepliesSlow: false,
      isPollingEager: false
    )
    model.patience = patience
    return model
  }

  @Test("the explorer finds that", arguments: Self.mistakes)
  func finds(mistake: SeededMistake<LockModel>) {
    let exploration = mistake.explore()
    print("Redis, if \(mistake): \(exploration)")
    #expect(mistake.isFound(by: exploration))
  }

  static let renewalMistakes: [SeededMistake<RenewalModel>] = [
    SeededMistake("an extension counts from its answer", in: RenewalModel(faults: 1), leadsTo: "at once") {
      $0.rules.countsFromSending = false
    },
    SeededMistake("a deadline that has passed moves", in: RenewalModel(faults: 1), leadsTo: "has passed is moved") {
      $0.rules.staysLost = false
    },
    SeededMistake("an alarm that rings early sets the next one anew", in: RenewalModel(faults: 0), leadsTo: "no end of")
    {
      $0.rules.keepsNextAlarm = false
    },
    SeededMistake("an extension plants the key again", in: RenewalModel(faults: 1), leadsTo: "nobody will delete it") {
      $0.shell.extendsOnly = false
    },
  ]

  @Test("the explorer finds that", arguments: Self.renewalMistakes)
  func findsInRenewal(mistake: SeededMistake<RenewalModel>) {
    #expect(mistake.model.explore().story == nil)
    let exploration = mistake.explore()
    print("Redis, if \(mistake): \(exploration)")
    #expect(mistake.isFound(by: exploration))
  }
}

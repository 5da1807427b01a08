import LatchkeyExplorer
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@testable import ZooKeeper

@Suite("The proof that a session lives, explored without a server", .timeLimit(.minutes(10)))
struct ProofExplorationTests {
  @Test(
    "never counts on more time than the leader gives, with any faults, at any delays",
    arguments: [isExploringDeeply ? 2 : 0]
  )
  func sound(faults: Int) {
    let exploration = ProofModel(faults: faults).explore { print("  … \($0)") }
    print("ZooKeeper, the proof of a session's life, faults: \(faults): \(exploration)")
    #expect(exploration.story == nil)
    #expect(exploration.isComplete)
  }

  @Test("proves nothing for a session of two ticks, in which no relay need lie between two heartbeats")
  func tooShort() {
    let exploration = ProofModel(faults: isExploringDeeply ? 1 : 0, timeout: ProofModel.leastTimeout / 2).explore()
    print("ZooKeeper, the proof of too short a session's life: \(exploration)")
    #expect(exploration.story == nil)
    #expect(exploration.isComplete)
  }

  @Test("leads to the same from all states that are taken for one", arguments: isExploringDeeply ? [0, 1] : [0])
  func digests(faults: Int) {
    #expect(ProofModel(faults: faults).firstAmbiguity() == nil)
  }

  private static let tooLong = "for longer than the leader gives"

  static let mistakes: [SeededMistake<ProofModel>] = [
    SeededMistake("any later heartbeat proves an earlier one", in: ProofModel(faults: 0), leadsTo: tooLong) {
      $0.rules.gapDivisor = 48
    },
    SeededMistake("the gap is that of the leader's pings", in: ProofModel(faults: 0), leadsTo: tooLong) {
      $0.rules.gapDivisor = 8
    },
    SeededMistake("a heartbeat's time is read when it has been sent", in: ProofModel(faults: 1), leadsTo: tooLong) {
      $0.shell.stampsBeforeSending = false
    },
    SeededMistake("leader and follower are a 24th of the timeout apart", in: ProofModel(faults: 0), leadsTo: tooLong) {
      $0.shell.longestDelay = 2
    },
    SeededMistake("a heartbeat overtakes what was told before", in: ProofModel(faults: 0), leadsTo: tooLong) {
      $0.shell.keepsOrder = false
    },
    SeededMistake("the leader answers heartbeats by himself", in: ProofModel(faults: 1), leadsTo: tooLong) {
      $0.shell.beatsNeedMajority = false
    },
    SeededMistake(
      "a session of two ticks proves as one of four does",
      in: ProofModel(faults: 0, timeout: ProofModel.leastTimeout / 2),
      leadsTo: tooLong
    ) {
      $0.rules.heedsLeastTimeout = false
    },
    SeededMistake("to be connected again proves something by itself", in: ProofModel(faults: 2), leadsTo: tooLong) {
      $0.rules.awaitsConfirmation = false
    },
    SeededMistake("to be connected again proves a heartbeat that is open", in: ProofModel(faults: 2), leadsTo: tooLong)
    {
      $0.rules.skipsOpenBeat = false
    },
  ]

  @Test("the explorer finds that", arguments: Self.mistakes)
  func finds(mistake: SeededMistake<ProofModel>) {
    let exploration = mistake.explore()
    print("ZooKeeper, if \(mistake): \(exploration)")
    #expect(mistake.isFound(by: exploration))
  }
}

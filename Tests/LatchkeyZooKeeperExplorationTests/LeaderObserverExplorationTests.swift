import LatchkeyExplorer
import Testing

@testable import LatchkeyZooKeeper

@Suite("An observer of an election, explored without a server", .timeLimit(.minutes(5)))
struct LeaderObserverExplorationTests {
  typealias Budget = LeaderObserverModel.Budget

  static let models: [LeaderObserverModel] = [
    LeaderObserverModel(Budget(arrivals: 3, departures: 3, proclamations: 1, reaps: 1)),
    LeaderObserverModel(Budget(arrivals: 2, departures: 2, proclamations: 1, reaps: 1, expiries: 1, cuts: 1)),
    LeaderObserverModel(Budget(arrivals: 2, departures: 2, proclamations: 0, reaps: 0, expiries: 2)),
  ]

  @Test("ends up with the truth, and never goes back", arguments: Self.models)
  func sound(_ model: LeaderObserverModel) {
    let exploration = model.explore()
    print("ZooKeeper, an observer, \(model.budget): \(exploration)")
    #expect(exploration.story == nil)
    #expect(exploration.isComplete)
  }

  private static let quiet = LeaderObserverModel(Budget(arrivals: 2, departures: 2, proclamations: 1, reaps: 1))
  private static let stale = LeaderObserverModel(Budget(arrivals: 2, departures: 2, proclamations: 0, expiries: 1))

  static let mistakes: [SeededMistake<LeaderObserverModel>] = [
    SeededMistake("a leader is read without a watch", in: Self.quiet, leadsTo: "the truth is") {
      $0.shell.watchesWhatItReads = false
    },
    SeededMistake("the old leader is kept when nobody leads", in: Self.quiet, leadsTo: "the truth is nobody") {
      $0.rules.reportsNobody = false
    },
    SeededMistake("the list before the watch of the directory counts", in: Self.quiet, leadsTo: "the truth is") {
      $0.rules.judgesArmingAnswer = false
    },
    SeededMistake("leaders are told apart by their values", in: Self.quiet, leadsTo: "the truth is") {
      $0.rules.tellsNodesApart = false
    },
    SeededMistake("a missing directory is not waited for", in: Self.quiet, leadsTo: "the truth is") {
      $0.shell.watchesForDirectory = false
    },
    SeededMistake("a new session begins without a sync", in: Self.stale, leadsTo: "goes back") {
      $0.rules.syncsFirst = false
    },
  ]

  @Test("the explorer finds that", arguments: Self.mistakes)
  func finds(_ mistake: SeededMistake<LeaderObserverModel>) {
    let exploration = mistake.explore()
    print("ZooKeeper, an observer, if \(mistake): \(exploration)")
    #expect(mistake.isFound(by: exploration))
  }
}

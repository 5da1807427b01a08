import LatchkeyExplorer
import Testing

@testable import LatchkeyLifecycle

@Suite("A leader service, explored without a server", .timeLimit(.minutes(5)))
struct LeaderServiceExplorationTests {
  private static func model(
    processes: Int = 2,
    rounds: Int = 2,
    faults: Int = 1,
    afterError: LeaderService.AfterError = .rethrow,
    afterReturn: LeaderService.AfterReturn = .campaignAgain
  ) -> LeaderServiceModel {
    var model = LeaderServiceModel(processes: processes, rounds: rounds, faults: faults)
    model.rules.afterError = afterError
    model.rules.afterReturn = afterReturn
    return model
  }

  static let models: [LeaderServiceModel] = [
    Self.model(rounds: 2, faults: 1),
    Self.model(rounds: 1, faults: 2, afterError: .campaignAgain),
    Self.model(processes: 1, rounds: 4, faults: 3, afterError: .campaignAgain),
    Self.model(rounds: 1, faults: 2, afterReturn: .finish),
  ]

  @Test("runs one body at a time, ends it after a loss, and leaves nothing behind", arguments: Self.models)
  func sound(_ model: LeaderServiceModel) {
    let exploration = model.explore()
    print("leader service, \(model.processes) processes, faults: \(model.faults): \(exploration)")
    #expect(exploration.story == nil)
    #expect(exploration.isComplete)
  }

  static let mistakes: [SeededMistake<LeaderServiceModel>] = [
    SeededMistake("a new campaign begins before the body has ended", in: Self.model(), leadsTo: "its body runs") {
      $0.rules.awaitsBody = false
    },
    SeededMistake("a loss before the election is forgotten", in: Self.model(), leadsTo: "goes on after its loss") {
      $0.rules.heedsEarlyLoss = false
    },
    SeededMistake(
      "a loss that is found by the resignation is forgotten",
      in: Self.model(afterReturn: .finish),
      leadsTo: "for what its body did"
    ) {
      $0.rules.heedsLateLoss = false
    },
    SeededMistake("who is elected after the shutdown stays", in: Self.model(), leadsTo: "left a node behind") {
      $0.rules.resignsLateElection = false
    },
    SeededMistake("a body may go on after its grace", in: Self.model(), leadsTo: "nothing more happens") {
      $0.rules.cancelsAfterGrace = false
    },
    SeededMistake("it does not stand again after a term", in: Self.model(), leadsTo: "neither stands") {
      $0.rules.standsAgain = false
    },
  ]

  @Test("the explorer finds that", arguments: Self.mistakes)
  func finds(_ mistake: SeededMistake<LeaderServiceModel>) {
    let exploration = mistake.explore()
    print("leader service, if \(mistake): \(exploration)")
    #expect(mistake.isFound(by: exploration))
  }
}

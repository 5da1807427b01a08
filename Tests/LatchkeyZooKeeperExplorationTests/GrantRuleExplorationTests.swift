import Latchkey
import LatchkeyExplorer
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@testable import LatchkeyZooKeeper

/// The rule of an election with Curator's names.
extension GrantRule {
  static let election = GrantRule("latch-", behind: ["latch-"])
}

@Suite("The queue of ZooKeeper with other grant rules, explored without a server", .timeLimit(.minutes(20)))
struct GrantRuleExplorationTests {
  private typealias Grants = @Sendable (Want) -> GrantRule

  private static let lock: Grants = { _ in .mutex }
  private static let election: Grants = { _ in .election }
  private static let readWrite: Grants = { $0 == .shared ? .reading : .writing }

  /// Readers and writers, by client.
  private static func readWrite(
    _ callers: [ModelCaller]...,
    faults: Int,
    of kinds: [QueueModel.Fault] = QueueModel.Fault.allCases
  ) -> QueueModel {
    var model = QueueModel(callers, by: callers.map { _ in Self.readWrite }, faults: faults, of: kinds)
    model.checksOrder = true
    return model
  }

  private func expectSound(_ what: String, _ model: QueueModel) {
    let exploration = model.explore()
    print("ZooKeeper, \(what): \(exploration)")
    #expect(exploration.story == nil)
    #expect(exploration.isComplete)
  }

  private static let few: [QueueModel.Fault] = [.cancel, .cut]

  @Test("readers and writers hold no conflicting leases, come in order, and all come in, with any one fault")
  func readWrite() {
    self.expectSound("a reader and a writer", Self.readWrite([.reader], [.writer], faults: 1))
    let model = Self.readWrite([.reader], [.writer], [.reader], faults: 1, of: [.cancel])
    self.expectSound("a writer between readers", model)
  }

  @Test("readers and writers of one process get what they want, whoever before them gives up or is turned away")
  func localLine() {
    let tried = ModelCaller(isPatient: false, want: .shared)
    self.expectSound("both in one process", Self.readWrite([.reader, .writer], [.reader], faults: 1, of: Self.few))
    self.expectSound("a try before a writer", Self.readWrite([tried, .writer], [.writer], faults: 1, of: Self.few))
  }

  @Test("a writer that goes on reading in its place lets readers in and keeps writers out")
  func replacedNode() {
    for model in [Self.readWrite([.writer], faults: 1), Self.readWrite([.writer], [.reader], faults: 0)] {
      var model = model
      model.startsWithOutsider = true
      self.expectSound("behind a writer that may go on reading", model)
    }
  }

  @Test("an election and a lock in one directory do not know of each other, with any one fault")
  func electionBesideLock() {
    let model = QueueModel([[.writer], [.writer]], by: [Self.lock, Self.election], faults: 1)
    self.expectSound("an election beside a lock", model)
  }

  @Test("holds in every state of three clients with any one fault", .enabled(if: isExploringDeeply))
  func threeClients() {
    self.expectSound("readers and a writer", Self.readWrite([.reader], [.writer], [.reader], faults: 1))
    self.expectSound("a reader between writers", Self.readWrite([.writer], [.reader], [.writer], faults: 1))
    self.expectSound("three in one process", Self.readWrite([.reader, .writer, .reader], [.writer], faults: 1))
    self.expectSound("two in one process", Self.readWrite([.reader, .writer], [.reader], faults: 1))
    let grants = [Self.lock, Self.election, Self.election]
    let model = QueueModel([[.writer], [.writer], [.writer]], by: grants, faults: 1)
    self.expectSound("two candidates beside a lock", model)
  }

  @Test("readers do share the lock")
  func sharing() {
    var model = Self.readWrite([.reader], [.reader], faults: 0)
    model.isSharingWrong = true
    #expect(model.explore().story?.description.contains("two clients share the lock") == true)
  }

  private static func mistake(
    _ description: String,
    in model: QueueModel,
    leadsTo outcome: String,
    change: @escaping @Sendable (inout QueueModel) -> Void
  ) -> SeededMistake<QueueModel> {
    SeededMistake(description, in: model, leadsTo: outcome, change: change)
  }

  private static var behindOutsider: QueueModel {
    var model = Self.readWrite([.writer], faults: 0)
    model.startsWithOutsider = true
    return model
  }

  static let mistakes: [SeededMistake<QueueModel>] = [
    mistake(
      "a writer does not wait for readers",
      in: readWrite([.reader], [.writer], faults: 0),
      leadsTo: "which came first"
    ) {
      let writing = GrantRule("__WRIT__", behind: ["__WRIT__"], passing: ["__READ__"])
      $0.grants = $0.grants.map { _ in { $0 == .shared ? .reading : writing } }
    },
    mistake(
      "a reader waits for readers alone",
      in: readWrite([.reader], [.writer], faults: 0),
      leadsTo: "which came first"
    ) {
      let reading = GrantRule("__READ__", behind: ["__READ__"], passing: ["__WRIT__"])
      $0.grants = $0.grants.map { _ in { $0 == .shared ? reading : .writing } }
    },
    mistake(
      "a reader waits for other readers too",
      in: readWrite([.reader], [.reader], faults: 0),
      leadsTo: "which is not in its way"
    ) {
      let reading = GrantRule("__READ__", behind: ["__WRIT__", "__READ__"])
      $0.grants = $0.grants.map { _ in { $0 == .shared ? reading : .writing } }
    },
    mistake(
      "a reader passes a writer that waits",
      in: readWrite([.reader], [.writer], [.reader], faults: 0),
      leadsTo: "which came first"
    ) {
      $0.shell.readersWaitForWaitingWriters = false
    },
    mistake(
      "the nearest contender is taken for the nearest blocker",
      in: readWrite([.writer], [.reader], [.reader], faults: 0),
      leadsTo: "which is not in its way"
    ) {
      $0.shell.nearestOneBlocks = false
    },
    mistake(
      "the end of a writer's node means a writer's turn",
      in: behindOutsider,
      leadsTo: "which came first"
    ) {
      $0.rules.listsAgainBehindReplaceable = false
    },
    mistake(
      "a node that stands for a reader is left to a writer of the same process",
      in: readWrite([.reader, .writer], faults: 1, of: [.cancel]),
      leadsTo: "what the first in line does not want"
    ) {
      $0.rules.followsWant = false
    },
    mistake(
      "an election waits for the lock in its directory",
      in: QueueModel([[.writer], [.writer]], by: [lock, election], faults: 0),
      leadsTo: "which is not in its way"
    ) {
      let both = GrantRule("latch-", behind: ["latch-", "lock-"])
      $0.grants[1] = { _ in both }
    },
  ]

  @Test("the explorer finds that", arguments: Self.mistakes)
  func finds(mistake: SeededMistake<QueueModel>) {
    #expect(mistake.model.explore().story == nil)
    let exploration = mistake.explore()
    print("ZooKeeper, if \(mistake): \(exploration)")
    #expect(mistake.isFound(by: exploration))
  }

  @Test("leads to the same from all states that are taken for one")
  func digests() {
    #expect(Self.readWrite([.reader, .writer], [.reader], faults: 1, of: Self.few).firstAmbiguity() == nil)
    var behind = Self.readWrite([.writer], [.reader], faults: 0)
    behind.startsWithOutsider = true
    #expect(behind.firstAmbiguity() == nil)
  }
}

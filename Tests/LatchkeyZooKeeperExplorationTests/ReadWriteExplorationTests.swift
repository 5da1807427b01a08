import Latchkey
import LatchkeyExplorer
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@testable import LatchkeyZooKeeper

@Suite("The queue of a ZooKeeper read-write lock, explored without a server", .timeLimit(.minutes(20)))
struct ReadWriteExplorationTests {
  private static let grants: @Sendable (Want) -> GrantRule = { $0 == .shared ? .reading : .writing }
  /// A writer that goes on reading.
  private static let downgrader = ModelCaller.writer(.downgrade)
  /// A reader that would write.
  private static let upgrader = ModelCaller.reader(.upgrade)
  /// Faults that a caller of the lock may meet while its node is replaced.
  private static let connection: [QueueModel.Fault] = [.cut, .loseReply, .keep, .refuse]

  /// Readers and writers, by client.
  private static func model(
    _ callers: [ModelCaller]...,
    faults: Int,
    of kinds: [QueueModel.Fault] = QueueModel.Fault.allCases
  ) -> QueueModel {
    var model = QueueModel(callers, by: callers.map { _ in Self.grants }, faults: faults, of: kinds)
    model.checksOrder = true
    return model
  }

  private func expectSound(_ what: String, _ model: QueueModel) {
    let exploration = model.explore()
    print("ZooKeeper, \(what): \(exploration)")
    #expect(exploration.story == nil)
    #expect(exploration.isComplete)
  }

  @Test("a writer that goes on reading lets nobody in but readers, with any one fault")
  func downgrade() {
    self.expectSound("a writer that goes on reading", Self.model([Self.downgrader], faults: 2))
    self.expectSound("before a writer", Self.model([Self.downgrader], [.writer], faults: 1))
    self.expectSound("before a reader", Self.model([Self.downgrader], [.reader], faults: 1))
    self.expectSound("before both", Self.model([Self.downgrader], [.writer], [.reader], faults: 0))
  }

  @Test("a reader writes only if nobody else holds or wants the lock, with any one fault")
  func upgrade() {
    self.expectSound("a reader that would write", Self.model([Self.upgrader], faults: 2))
    self.expectSound("beside a reader", Self.model([Self.upgrader], [.reader], faults: 1))
    self.expectSound("beside a writer", Self.model([Self.upgrader], [.writer], faults: 1))
  }

  @Test("of two readers that would write at once, none waits for the other, with any one fault")
  func twoUpgraders() {
    self.expectSound("two readers that would write", Self.model([Self.upgrader], [Self.upgrader], faults: 1))
    self.expectSound("and a writer", Self.model([Self.upgrader], [Self.upgrader], [.writer], faults: 0))
  }

  @Test("one after the other, writing and reading alternate in one place")
  func alternate() {
    let both = Self.model([.writer(.downgrade, .upgrade)], [.reader(.upgrade, .downgrade)], faults: 0)
    self.expectSound("a writer that reads and writes again, and a reader the other way round", both)
    let one = Self.model([.writer(.downgrade, .upgrade, .downgrade)], faults: 1)
    self.expectSound("one place", one)
  }

  @Test("callers of one process get nodes of their own behind those who read already, with any one fault")
  func localLine() {
    self.expectSound("readers", Self.model([.reader, .reader], [.writer], faults: 1, of: [.cancel, .cut]))
    self.expectSound("a reader that would write, and a writer", Self.model([Self.upgrader, .writer], faults: 1))
    self.expectSound("a writer that goes on reading, and a reader", Self.model([Self.downgrader, .reader], faults: 1))
  }

  @Test("tries that want different things are answered each for itself, with any one fault")
  func tries() {
    let (reader, writer) = (ModelCaller(isPatient: false, want: .shared), ModelCaller(isPatient: false))
    self.expectSound("tries", Self.model([writer, reader], [.reader], faults: 1, of: [.cancel, .refuse]))
    self.expectSound("the other way round", Self.model([reader, writer, reader], [.writer], faults: 0))
  }

  @Test("beside a client of Curator that goes on reading after writing", arguments: [[ModelCaller.writer], [upgrader]])
  func besideCurator(callers: [ModelCaller]) {
    var model = Self.model(callers, faults: 1)
    model.startsWithOutsider = true
    self.expectSound("beside Curator", model)
  }

  @Test("holds in the larger spaces", .enabled(if: isExploringDeeply))
  func deep() {
    self.expectSound("before both", Self.model([Self.downgrader], [.writer], [.reader], faults: 1))
    self.expectSound("two upgraders and a writer", Self.model([Self.upgrader], [Self.upgrader], [.writer], faults: 1))
    self.expectSound("two upgraders and a reader", Self.model([Self.upgrader], [Self.upgrader], [.reader], faults: 1))
    self.expectSound("two upgraders, two faults", Self.model([Self.upgrader], [Self.upgrader], faults: 2))
    self.expectSound("a downgrade, two faults", Self.model([Self.downgrader], [.writer], faults: 2))
    self.expectSound("batches", Self.model([.reader, .reader, .reader], [.writer], faults: 1))
    self.expectSound("a mixed line", Self.model([.reader, .writer, .reader], [.writer], faults: 1))
    self.expectSound("a local line", Self.model([Self.downgrader, .reader], [.writer], faults: 1))
    let alternating = Self.model([.writer(.downgrade, .upgrade)], [.reader(.upgrade, .downgrade)], faults: 1)
    self.expectSound("alternating", alternating)
  }

  @Test("holds on walks through spaces that are too large to be explored")
  func walks() {
    let callers: [ModelCaller] = [.writer(.downgrade, .upgrade), .reader(.upgrade, .downgrade)]
    let model = Self.model(callers, callers.reversed(), [.reader, .writer], faults: 4)
    for seed in 0..<300 as Range<UInt64> {
      if let story = model.walk(seed: seed, length: 150) {
        Issue.record("seed \(seed): \(story)")
        return
      }
    }
  }

  @Test("leads to the same from all states that are taken for one")
  func digests() {
    for model in [
      Self.model([Self.downgrader], [.reader], faults: 1), Self.model([Self.upgrader], [Self.upgrader], faults: 0),
      Self.model([Self.upgrader], faults: 2, of: Self.connection), Self.model([Self.upgrader, .writer], faults: 1),
    ] {
      #expect(model.firstAmbiguity() == nil)
    }
  }

  // MARK: Mistakes

  private static func mistake(
    _ description: String,
    in model: QueueModel,
    leadsTo outcome: String,
    change: @escaping @Sendable (inout QueueModel) -> Void
  ) -> SeededMistake<QueueModel> {
    SeededMistake(description, in: model, leadsTo: outcome, change: change)
  }

  private static func replaceable(_ first: ModelCaller) -> SeededMistake<QueueModel> {
    mistake(
      "a writer takes the end of a node for its turn, which \(first.want == .shared ? "would write" : "goes on reading")",
      in: model([first], [.writer], faults: 0),
      leadsTo: first.want == .shared ? "at once" : "which came first"
    ) {
      $0.rules.listsAgainBehindReplaceable = false
    }
  }

  static let mistakes: [SeededMistake<QueueModel>] = [
    replaceable(downgrader),
    replaceable(upgrader),
    mistake(
      "who goes on reading gets a new number",
      in: model([downgrader], [.writer], faults: 0),
      leadsTo: "at once"
    ) {
      $0.shell.keepsNumber = false
    },
    mistake(
      "who goes on reading deletes its node and then creates one",
      in: model([downgrader], [.writer], faults: 0),
      leadsTo: "at once"
    ) {
      $0.shell.replacesAtOnce = false
    },
    mistake(
      "who goes on reading has the token of its new node",
      in: model([downgrader], [.writer], faults: 0),
      leadsTo: "not greater than the last"
    ) {
      $0.rules.keepsTokenOfDowngraded = false
    },
    mistake(
      "who would write lists before its node is replaced",
      in: model([upgrader], [.reader], faults: 0),
      leadsTo: "which came first"
    ) {
      $0.shell.listsBehindReplacement = false
    },
    mistake(
      "who may not write keeps its writer's node",
      in: model([upgrader], [.reader], faults: 0),
      leadsTo: "which came first"
    ) {
      $0.rules.takesBackUpgrades = false
    },
    mistake(
      "a reader takes the end of the nearest of several writers for its turn",
      in: model([.writer], [.writer], [.reader], faults: 1, of: [.cancel]),
      leadsTo: "which came first"
    ) {
      $0.rules.listsAgainBehindSeveral = false
    },
    mistake(
      "the end of a node that is being replaced is taken for a loss",
      in: model([downgrader], faults: 0),
      leadsTo: "a loss that is none"
    ) {
      $0.rules.silencesReplacedNodes = false
    },
    mistake(
      "a reader joins those of its process who read already",
      in: model([.reader, .reader], [.writer], faults: 0),
      leadsTo: "before a writer that came first"
    ) {
      $0.shell.closesBatches = false
    },
    mistake(
      "a replacement without an answer is taken for one that has failed",
      in: model([downgrader], faults: 1, of: [.cut]),
      leadsTo: "though nobody deleted it"
    ) {
      $0.rules.looksForForms = false
    },
    mistake(
      "a holder that gives up while its node is being replaced deletes the node that it had",
      in: model([downgrader], faults: 1, of: [.pause]),
      leadsTo: "nothing more happens"
    ) {
      $0.rules.deletesReplacements = false
    },
    mistake(
      "who would write gives way to readers alone",
      in: model([upgrader], [upgrader], faults: 0),
      leadsTo: "at once"
    ) {
      $0.shell.givesWayToAll = false
    },
    mistake(
      "who shares a node with others of its process writes",
      in: model([upgrader, .reader], faults: 0),
      leadsTo: "hold the lock for writing at once"
    ) {
      $0.shell.sparesBatches = false
    },
    mistake(
      "who writes after reading keeps its token",
      in: model([upgrader], [.reader], faults: 0),
      leadsTo: "not greater than the last"
    ) {
      $0.rules.renewsTokenOfUpgraded = false
    },
    mistake(
      "a reader is granted on a node that was deleted by hand",
      in: model([.writer], [.reader], faults: 1, of: [.deleteByHand]),
      leadsTo: "gone before the end of the blocker"
    ) {
      $0.rules.shortcutNeedsOwnWatch = false
    },
    mistake(
      "what became of a replacement is looked for by the attempt alone",
      in: model([downgrader], faults: 2, of: [.delay, .cut]),
      leadsTo: "nothing more happens"
    ) {
      $0.shell.findsByName = false
    },
    mistake(
      "the servers' refusal to replace a node ends it",
      in: model([downgrader], faults: 1, of: [.refuse]),
      leadsTo: "nothing more happens"
    ) {
      $0.rules.repeatsRefused = false
    },
  ]

  @Test("the explorer finds that", arguments: Self.mistakes)
  func finds(mistake: SeededMistake<QueueModel>) {
    #expect(mistake.model.explore().story == nil)
    let exploration = mistake.explore()
    print("ZooKeeper, if \(mistake): \(exploration)")
    #expect(mistake.isFound(by: exploration))
  }
}

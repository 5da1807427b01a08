import Testing

@testable import LatchkeyZooKeeper

@Suite("The queue of a lock, explored without a server", .timeLimit(.minutes(5)))
struct QueueExplorationTests {
  /// A small generator whose seed repeats a walk.
  private struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      self.state &+= 0x9E37_79B9_7F4A_7C15
      var z = self.state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
  }

  /// Walks at random, lets everything come to rest, and returns what went wrong and the way there.
  private static func walk(seed: UInt64, rules: QueueMachine.Rules = .init()) -> String? {
    var generator = Generator(state: seed)
    var model = QueueModel(
      clients: Int.random(in: 2...3, using: &generator),
      callers: Int.random(in: 1...8, using: &generator),
      faults: Int.random(in: 0...4, using: &generator),
      rules: rules
    )
    var path: [QueueModel.Step] = []
    do throws(Violation) {
      for _ in 0..<Int.random(in: 5...120, using: &generator) {
        guard var step = model.steps.randomElement(using: &generator) else { break }
        // Faults are always possible: taken as often as the rest, all would be used up before anybody waits.
        if step.isFault, !generator.next().isMultiple(of: 8) {
          step = model.steps.filter { !$0.isFault }.randomElement(using: &generator) ?? step
        }
        path.append(step)
        try model.take(step)
      }
      try model.settle()
      return nil
    } catch {
      return "seed \(seed): \(error) after \(path.map(\.description).joined(separator: "; "))"
    }
  }

  @Test("never grants twice, forgets nobody and leaves nothing, in any of 40,000 random schedules")
  func randomSchedules() {
    var granted = 0
    for seed in 0..<40_000 as Range<UInt64> {
      if let problem = Self.walk(seed: seed) {
        Issue.record("\(problem)")
        return
      }
      granted += 1
    }
    #expect(granted == 40_000)
  }

  @Test("holds in the first 150,000 states of a depth-first search over two clients with one fault")
  func depthFirst() throws {
    var explored = 0
    var stack = [QueueModel(clients: 2, callers: 2, faults: 1)]
    // Depth first without memory: the bound on the number of states keeps the time in hand.
    while let model = stack.popLast(), explored < 150_000 {
      explored += 1
      let steps = model.steps
      if steps.isEmpty || explored.isMultiple(of: 7) {
        var end = model
        try end.settle()
      }
      for step in steps {
        var next = model
        try next.take(step)
        stack.append(next)
      }
    }
    #expect(explored > 10_000)
  }

  @Test("a try that joins when somebody of the same process has just been granted is answered at once")
  func tryBehindHolder() throws {
    var machine = QueueMachine(session: 1) { "\($0)" }
    _ = machine.handle(.joined(patient: false), termIsLive: true)
    let node = QueueNode(name: "_c_1-lock-0000000000", czxid: 7, session: 1)
    let view = QueueView(ownIndex: 0, first: node.name, count: 1)
    let entered = machine.handle(.entered(attempt: 1, create: .success(node), view: .success(view)), termIsLive: true)
    #expect(entered.contains(.grant(1, node)))
    _ = machine.served(patient: false)
    let late = machine.handle(.joined(patient: false), termIsLive: true)
    #expect(late == [.answerImpatient(QueuePlace(ahead: 1, first: node.name))])
  }

  @Test("a watch on one's own node that was lost with the connection is set again")
  func ownWatchLost() throws {
    var machine = QueueMachine(session: 1) { "\($0)" }
    _ = machine.handle(.joined(patient: true), termIsLive: true)
    let node = QueueNode(name: "_c_1-lock-0000000001", czxid: 8, session: 1)
    let view = QueueView(ownIndex: 1, predecessor: "a-lock-0000000000", first: "a-lock-0000000000", count: 2)
    _ = machine.handle(.entered(attempt: 1, create: .success(node), view: .success(view)), termIsLive: true)
    _ = machine.handle(.predecessorWatched(attempt: 1, .success(())), termIsLive: true)
    #expect(machine.handle(.ownWatchFailed(node), termIsLive: true) == [.watchOwnLater(node)])
  }

  @Test(
    "a broken rule is caught",
    arguments: [
      \QueueMachine.Rules.listsAgainBehindSeveral, \.recoversCreates, \.retriesDeletes,
      \.cleansUpAfterAbandonedCreates, \.heedsOwnDeletion, \.needsLiveTerm,
    ]
  )
  func mutants(rule: any WritableKeyPath<QueueMachine.Rules, Bool> & Sendable) {
    var rules = QueueMachine.Rules()
    rules[keyPath: rule] = false
    let caught = (0..<40_000 as Range<UInt64>).contains { Self.walk(seed: $0, rules: rules) != nil }
    #expect(caught)
  }
}

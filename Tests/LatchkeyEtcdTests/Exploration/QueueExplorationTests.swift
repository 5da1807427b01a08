#if Etcd
import Testing

@testable import LatchkeyEtcd

@Suite("The queue of an etcd lock, explored without a server", .timeLimit(.minutes(5)))
struct QueueExplorationTests {
  /// A small generator whose seed repeats a walk.
  private struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      self.state &+= 0x9E37_79B9_7F4A_7C15
      var word = self.state
      word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
      word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
      return word ^ (word >> 31)
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
      return "seed \(seed): \(error) after \(path.map { "\($0)" }.joined(separator: "; "))"
    }
  }

  @Test("never grants twice, forgets nobody and leaves nothing, in any of 40,000 random schedules")
  func randomSchedules() {
    for seed in 0..<40_000 as Range<UInt64> {
      if let problem = Self.walk(seed: seed) {
        Issue.record("\(problem)")
        return
      }
    }
  }

  @Test("holds in the first 100,000 states of a depth-first search over two clients with one fault")
  func depthFirst() throws {
    var explored = 0
    var stack = [QueueModel(clients: 2, callers: 2, faults: 1)]
    // Depth first without memory: the bound on the number of states keeps the time in hand.
    while let model = stack.popLast(), explored < 100_000 {
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

  @Test(
    "a broken rule is caught",
    arguments: [
      \QueueMachine.Rules.readsBehindSeveral, \.readsOnceWatched, \.heedsOwnDeletion, \.needsLiveTerm,
      \.cleansUpAfterAbandonedEntries, \.sweepsDoubtfulKeys, \.sparesOccupiedSlots, \.rechecks,
    ]
  )
  func mutants(rule: any WritableKeyPath<QueueMachine.Rules, Bool> & Sendable) {
    var rules = QueueMachine.Rules()
    rules[keyPath: rule] = false
    let caught = (0..<40_000 as Range<UInt64>).contains { Self.walk(seed: $0, rules: rules) != nil }
    #expect(caught)
  }
}
#endif

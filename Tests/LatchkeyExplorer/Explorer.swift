internal import LatchkeyTesting

/// In which order states are explored.
package enum ExplorationOrder: Sendable {
  /// Nearest first: a story is the shortest there is. Keeps the states of two depths.
  case breadthFirst
  /// The state that was reached last comes first: a story may be long. Keeps few states, for spaces of hundreds of millions.
  case depthFirst
}

extension ExplorationModel {
  /// Takes every step in every state that can be reached. A state that offers a single step is passed: it is checked, and neither
  /// remembered nor counted.
  ///
  /// Ends at the first promise that a step or a state breaks. If there is none, looks for a state from which no state at rest can
  /// be reached without faults.
  ///
  /// Memory: about 40 bytes for each state and 4 for each transition, beside the states themselves that `order` keeps.
  ///
  /// - Parameters:
  ///   - order: Which states come first.
  ///   - limit: After how many states to give up. What was reached by then has been checked, but
  ///     ``Exploration/isComplete`` is false.
  ///   - progress: Called from time to time with what has been explored so far.
  package func explore(
    _ order: ExplorationOrder = .breadthFirst,
    upTo limit: Int = 100_000_000,
    progress: ((Exploration) -> Void)? = nil
  ) -> Exploration {
    var search = ExplorationSearch(model: self, order: order)
    return search.run(limit: limit, progress: progress)
  }

  /// Takes steps at random, for what is too large to be explored.
  ///
  /// - Parameters:
  ///   - seed: The same seed takes the same way.
  ///   - length: How many steps to take at most.
  ///   - faultsOneIn: How rare faults are among steps.
  /// - Returns: The way to a broken promise; nil if none was met. States are checked, but not whether anybody is stuck.
  package func walk(seed: UInt64, length: Int, faultsOneIn: UInt64 = 8) -> Exploration.Story? {
    var random = SplitMix(seed: seed)
    var state = self.start
    var story: [String] = []
    do throws(BrokenPromise) {
      for _ in 0..<length {
        let steps = self.steps(from: state)
        guard var step = steps.randomElement(using: &random) else { break }
        // Faults are nearly always possible: taken as often as the rest, all would be used up before anything happens.
        if self.isFault(step, in: state), !random.next().isMultiple(of: faultsOneIn) {
          step = steps.filter { !self.isFault($0, in: state) }.randomElement(using: &random) ?? step
        }
        story.append(self.describe(step, in: state))
        try self.take(step, in: &state)
        try self.check(state)
      }
      return nil
    } catch {
      return Exploration.Story(promise: error, steps: story)
    }
  }
}

/// One exploration.
private struct ExplorationSearch<Model: ExplorationModel> {
  /// How many states are passed at most before one is remembered: they might go round in a circle.
  private static var longestPass: Int { 32 }

  /// A state that was reached and not left yet.
  private struct Open {
    let state: Model.State
    let number: Int
    let depth: Int
  }

  private let model: Model
  private let order: ExplorationOrder
  private var table = FingerprintTable()
  private var graph = StepGraph()
  /// For each state, by which step of which state it was first reached.
  private var parents = ChunkedArray<UInt32>()
  private var choices = ChunkedArray<UInt16>()
  private var result = Exploration()

  init(model: Model, order: ExplorationOrder) {
    self.model = model
    self.order = order
    self.parents.append(0)
    self.choices.append(0)
  }

  mutating func run(limit: Int, progress: ((Exploration) -> Void)?) -> Exploration {
    let clock = ContinuousClock()
    let begin = clock.now
    self.result.story = self.search(limit: limit) { result in
      guard let progress else { return }
      var result = result
      result.duration = clock.now - begin
      progress(result)
    }
    self.result.states = self.table.count
    self.result.duration = clock.now - begin
    return self.result
  }

  private mutating func search(limit: Int, progress: (Exploration) -> Void) -> Exploration.Story? {
    let start = self.model.start
    _ = self.table.number(self.model.digest(of: start))
    var open = [Open(state: start, number: 0, depth: 0)]
    var expanded = 0
    while !open.isEmpty {
      var next: [Open] = []
      // First come, first served; what was served is let go of at once.
      open.reverse()
      while let state = open.popLast() {
        let story =
          switch self.order {
          case .breadthFirst: self.expand(state, into: &next)
          case .depthFirst: self.expand(state, into: &open)
          }
        if let story { return story }
        expanded += 1
        if expanded.isMultiple(of: 100_000) {
          self.result.states = self.table.count
          progress(self.result)
        }
        guard self.table.count < limit else { return self.stuck() }
      }
      open = next
    }
    self.result.isComplete = true
    return self.stuck()
  }

  private mutating func expand(_ open: Open, into next: inout [Open]) -> Exploration.Story? {
    let (state, number) = (open.state, open.number)
    self.result.depth = max(self.result.depth, open.depth)
    let isAtRest = self.model.isAtRest(state)
    self.graph.addState(number, isAtRest: isAtRest)
    var isDeadEnd = !isAtRest
    for (choice, step) in self.model.steps(from: state).enumerated() {
      var reached = state
      self.result.transitions += 1
      do throws(BrokenPromise) {
        try self.model.take(step, in: &reached)
        try self.pass(&reached)
        let (target, isNew) = self.table.number(self.model.digest(of: reached))
        if isNew {
          self.parents.append(UInt32(number))
          self.choices.append(UInt16(choice))
          next.append(Open(state: reached, number: target, depth: open.depth + 1))
        }
        if !self.model.isFault(step, in: state) {
          isDeadEnd = false
          self.graph.addStep(to: target)
        }
      } catch {
        return self.story(to: number, then: choice, error)
      }
    }
    guard isDeadEnd else { return nil }
    return self.story(to: number, then: nil, BrokenPromise("nothing more happens: \(self.model.describe(state))"))
  }

  /// Goes on, checking every state, to one that offers a choice or is at rest. Those before it need not be remembered: what
  /// follows from them follows from it.
  private func pass(
    _ state: inout Model.State,
    _ visit: (_ step: Model.Step, _ before: Model.State) -> Void = { _, _ in }
  ) throws(BrokenPromise) {
    for _ in 0..<Self.longestPass {
      try self.model.check(state)
      guard !self.model.isAtRest(state) else { return }
      let steps = self.model.steps(from: state)
      guard steps.count == 1, !self.model.isFault(steps[0], in: state) else { return }
      visit(steps[0], state)
      try self.model.take(steps[0], in: &state)
    }
  }

  private func stuck() -> Exploration.Story? {
    guard let state = self.graph.firstStuckState(ofStates: self.table.count) else { return nil }
    return self.story(to: state, then: nil, nil)
  }

  /// Takes the way to a state again, in words.
  private func story(to number: Int, then last: Int?, _ promise: BrokenPromise?) -> Exploration.Story {
    var choices: [Int] = last.map { [$0] } ?? []
    var number = number
    while number != 0 {
      choices.append(Int(self.choices[number]))
      number = Int(self.parents[number])
    }
    var state = self.model.start
    var lines: [String] = []
    var digests: [UInt64] = []
    for choice in choices.reversed() {
      let step = self.model.steps(from: state)[choice]
      lines.append(self.model.describe(step, in: state))
      digests.append(self.model.digest(of: state))
      do throws(BrokenPromise) {
        try self.model.take(step, in: &state)
        try self.pass(&state) { step, before in
          lines.append(self.model.describe(step, in: before))
          digests.append(self.model.digest(of: before))
        }
      } catch {
        return Exploration.Story(promise: error, steps: lines)
      }
    }
    // Who goes round in a circle is told of once.
    let end = self.model.digest(of: state)
    if let first = digests.firstIndex(of: end) { lines.removeSubrange(first...) }
    let stuck = BrokenPromise("whatever follows, it never comes to rest: \(self.model.describe(state))")
    return Exploration.Story(promise: promise ?? stuck, steps: lines)
  }
}

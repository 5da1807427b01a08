extension ExplorationModel {
  /// Takes every step in every state that can be reached, breadth first.
  ///
  /// Ends at the first promise that a step or a state breaks, by the shortest way there is. If there is none, looks for a state
  /// from which no state at rest can be reached without faults.
  ///
  /// Memory: about 40 bytes for each state and 4 for each transition, beside the states of two depths themselves.
  ///
  /// - Parameters:
  ///   - limit: After how many states to give up. What was reached by then has been checked, but
  ///     ``Exploration/isComplete`` is false.
  ///   - progress: Called from time to time with what has been explored so far.
  public func explore(upTo limit: Int = 100_000_000, progress: ((Exploration) -> Void)? = nil) -> Exploration {
    var search = ExplorationSearch(model: self)
    return search.run(limit: limit, progress: progress)
  }

  /// Takes steps at random, for what is too large to be explored.
  ///
  /// - Parameters:
  ///   - seed: The same seed takes the same way.
  ///   - length: How many steps to take at most.
  ///   - faultsOneIn: How rare faults are among steps.
  /// - Returns: The way to a broken promise; nil if none was met. States are checked, but not whether anybody is stuck.
  public func walk(seed: UInt64, length: Int, faultsOneIn: UInt64 = 8) -> Exploration.Story? {
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
  private let model: Model
  private var table = FingerprintTable()
  private var graph = StepGraph()
  /// For each state, by which step of which state it was first reached.
  private var parents: [UInt32] = [0]
  private var choices: [UInt16] = [0]
  private var result = Exploration()

  init(model: Model) {
    self.model = model
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
    _ = self.table.number(self.fingerprint(start))
    var frontier = [start]
    var expanded = 0
    while !frontier.isEmpty {
      var next: [Model.State] = []
      // First come, first served; what was served is let go of at once.
      frontier.reverse()
      while let state = frontier.popLast() {
        if let story = self.expand(state, number: expanded, into: &next) { return story }
        expanded += 1
        if expanded.isMultiple(of: 100_000) {
          self.result.states = self.table.count
          progress(self.result)
        }
        guard self.table.count < limit else { return self.stuck() }
      }
      if !next.isEmpty { self.result.depth += 1 }
      frontier = next
    }
    self.result.isComplete = true
    return self.stuck()
  }

  private mutating func expand(_ state: Model.State, number: Int, into next: inout [Model.State]) -> Exploration.Story?
  {
    let isAtRest = self.model.isAtRest(state)
    self.graph.addState(isAtRest: isAtRest)
    var isDeadEnd = !isAtRest
    for (choice, step) in self.model.steps(from: state).enumerated() {
      var reached = state
      self.result.transitions += 1
      do throws(BrokenPromise) {
        try self.model.take(step, in: &reached)
        let (target, isNew) = self.table.number(self.fingerprint(reached))
        if isNew {
          self.parents.append(UInt32(number))
          self.choices.append(UInt16(choice))
          next.append(reached)
          try self.model.check(reached)
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

  private func stuck() -> Exploration.Story? {
    guard let state = self.graph.firstStuckState(ofStates: self.table.count) else { return nil }
    return self.story(to: state, then: nil, nil)
  }

  /// Takes the way to a state again, in words.
  private func story(to end: Int, then last: Int?, _ promise: BrokenPromise?) -> Exploration.Story {
    var choices: [Int] = last.map { [$0] } ?? []
    var number = end
    while number != 0 {
      choices.append(Int(self.choices[number]))
      number = Int(self.parents[number])
    }
    var state = self.model.start
    var lines: [String] = []
    for choice in choices.reversed() {
      let step = self.model.steps(from: state)[choice]
      lines.append(self.model.describe(step, in: state))
      do throws(BrokenPromise) {
        try self.model.take(step, in: &state)
      } catch {
        return Exploration.Story(promise: error, steps: lines)
      }
    }
    let stuck = BrokenPromise("whatever follows, it never comes to rest: \(self.model.describe(state))")
    return Exploration.Story(promise: promise ?? stuck, steps: lines)
  }

  private func fingerprint(_ state: Model.State) -> UInt64 {
    var digest = StateDigest()
    self.model.digest(state, into: &digest)
    return digest.value
  }
}

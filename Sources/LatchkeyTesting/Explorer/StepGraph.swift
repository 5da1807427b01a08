/// The steps between states that are no faults, as far as they were explored, and the states at rest among them.
struct StepGraph {
  /// Where the steps out of each state begin.
  private var offsets: [Int] = []
  private var targets: [UInt32] = []
  private var resting: [Bool] = []

  /// Begins with the next state.
  mutating func addState(isAtRest: Bool) {
    self.offsets.append(self.targets.count)
    self.resting.append(isAtRest)
  }

  /// Adds a step out of the state that was begun last.
  mutating func addStep(to state: Int) { self.targets.append(UInt32(state)) }

  /// The first state from which no state at rest can be reached; nil if there is none.
  ///
  /// States that were reached but not begun with are taken for states at rest: nobody knows where they lead.
  func firstStuckState(ofStates count: Int) -> Int? {
    // The graph backwards: first how many steps lead to each state, then where they come from.
    var starts = Array(repeating: 0, count: count + 1)
    for target in self.targets { starts[Int(target) + 1] += 1 }
    for state in 0..<count { starts[state + 1] += starts[state] }
    var fill = starts
    var sources = Array(repeating: UInt32(0), count: self.targets.count)
    for state in self.offsets.indices {
      let end = state + 1 < self.offsets.count ? self.offsets[state + 1] : self.targets.count
      for index in self.offsets[state]..<end {
        let target = Int(self.targets[index])
        sources[fill[target]] = UInt32(state)
        fill[target] += 1
      }
    }
    var canRest = Array(repeating: false, count: count)
    var next: [UInt32] = []
    for state in 0..<count where state >= self.resting.count || self.resting[state] {
      canRest[state] = true
      next.append(UInt32(state))
    }
    while let state = next.popLast() {
      for index in starts[Int(state)]..<starts[Int(state) + 1] {
        let source = Int(sources[index])
        if canRest[source] { continue }
        canRest[source] = true
        next.append(sources[index])
      }
    }
    var state = 0
    while state < count {
      if !canRest[state] { return state }
      state += 1
    }
    return nil
  }
}

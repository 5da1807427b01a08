/// The steps between states that are no faults, as far as they were explored, and the states at rest among them.
struct StepGraph {
  /// The states that were begun with, in that order, and how many steps lead out of each.
  private var states = ChunkedArray<UInt32>()
  private var counts = ChunkedArray<UInt16>()
  /// Where the steps lead, one state after the other.
  private var targets = ChunkedArray<UInt32>()
  /// The states among them that are not at rest.
  private var restless = ChunkedArray<UInt8>()

  /// Begins with a state.
  mutating func addState(_ state: Int, isAtRest: Bool) {
    self.states.append(UInt32(state))
    self.counts.append(0)
    self.restless.append(isAtRest ? 0 : 1)
  }

  /// Adds a step out of the state that was begun last.
  mutating func addStep(to state: Int) {
    self.targets.append(UInt32(state))
    self.counts[self.counts.count - 1] += 1
  }

  /// The first state from which no state at rest can be reached; nil if there is none.
  ///
  /// States that were reached but not begun with are taken for states at rest: nobody knows where they lead.
  func firstStuckState(ofStates count: Int) -> Int? {
    var canRest = Array(repeating: true, count: count)
    for row in 0..<self.states.count where self.restless[row] != 0 { canRest[Int(self.states[row])] = false }
    // Most steps lead to states that were begun with later, so that backwards a few rounds are enough.
    var hasChanged = true
    while hasChanged {
      hasChanged = false
      var end = self.targets.count
      for row in stride(from: self.states.count - 1, through: 0, by: -1) {
        let begin = end - Int(self.counts[row])
        let state = Int(self.states[row])
        if !canRest[state], (begin..<end).contains(where: { canRest[Int(self.targets[$0])] }) {
          canRest[state] = true
          hasChanged = true
        }
        end = begin
      }
    }
    return canRest.firstIndex(of: false)
  }
}

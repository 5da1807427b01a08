/// How an exploration went.
package struct Exploration: Sendable, CustomStringConvertible {
  /// How many different states were reached that offer a choice, or rest.
  package internal(set) var states = 0
  /// How many steps were taken between them.
  package internal(set) var transitions = 0
  /// The length of the longest way to a state, by the states that are counted; breadth first, of the longest of all shortest ways.
  package internal(set) var depth = 0
  /// How long it took.
  package internal(set) var duration = Duration.zero
  /// Whether every state that can be reached was reached and left by every step.
  package internal(set) var isComplete = false
  /// A way to a broken promise, breadth first the shortest; nil if none was found.
  package internal(set) var story: Story?

  /// A way from the start to a broken promise.
  package struct Story: Sendable, CustomStringConvertible {
    /// What is wrong at the end.
    package let promise: BrokenPromise
    /// What happened, in words, first to last.
    package let steps: [String]

    /// The broken promise, and below it the steps, numbered.
    package var description: String {
      let lines = self.steps.enumerated().map { "\n  \($0.offset + 1). \($0.element)" }
      return "after \(self.steps.count) steps, \(self.promise):\(lines.joined())"
    }
  }

  /// The figures in one line, and the story if there is one.
  package var description: String {
    let (seconds, attoseconds) = self.duration.components
    let tenths = attoseconds / 100_000_000_000_000_000
    let figures = "\(self.states) states, \(self.transitions) transitions, depth \(self.depth), \(seconds).\(tenths) s"
    if let story { return "\(figures): \(story)" }
    return self.isComplete ? figures : "\(figures), not complete"
  }
}

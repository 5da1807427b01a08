/// How an exploration went.
public struct Exploration: Sendable, CustomStringConvertible {
  /// How many different states were reached that offer a choice, or rest.
  public internal(set) var states = 0
  /// How many steps were taken between them.
  public internal(set) var transitions = 0
  /// The length of the longest way to a state, by the states that are counted; breadth first, of the longest of all shortest ways.
  public internal(set) var depth = 0
  /// How long it took.
  public internal(set) var duration = Duration.zero
  /// Whether every state that can be reached was reached and left by every step.
  public internal(set) var isComplete = false
  /// A way to a broken promise, breadth first the shortest; nil if none was found.
  public internal(set) var story: Story?

  /// A way from the start to a broken promise.
  public struct Story: Sendable, CustomStringConvertible {
    /// What is wrong at the end.
    public let promise: BrokenPromise
    /// What happened, in words, first to last.
    public let steps: [String]

    /// The broken promise, and below it the steps, numbered.
    public var description: String {
      let lines = self.steps.enumerated().map { "\n  \($0.offset + 1). \($0.element)" }
      return "after \(self.steps.count) steps, \(self.promise):\(lines.joined())"
    }
  }

  /// The figures in one line, and the story if there is one.
  public var description: String {
    let (seconds, attoseconds) = self.duration.components
    let tenths = attoseconds / 100_000_000_000_000_000
    let figures = "\(self.states) states, \(self.transitions) transitions, depth \(self.depth), \(seconds).\(tenths) s"
    if let story { return "\(figures): \(story)" }
    return self.isComplete ? figures : "\(figures), not complete"
  }
}

/// How long to pause before another attempt to connect: no clock, no chance of its own.
struct Backoff {
  /// What may be changed, so that tests can show that they notice.
  struct Rules: Hashable, Sendable {
    /// Whether the pause before the next attempt is spread by chance.
    var jitters = true
    /// Whether the pause grows with each failure.
    var growsPause = true
  }

  /// The shortest and the longest pause.
  let pause: ClosedRange<Duration>
  private let rules: Rules
  /// How many attempts in a row have failed, or have led to connections that broke soon.
  private(set) var failures = 0

  init(pause: ClosedRange<Duration>, rules: Rules = Rules()) {
    self.pause = pause
    self.rules = rules
  }

  /// An attempt has failed.
  ///
  /// - Parameter chance: A number from 0 to 1.
  /// - Returns: How long to pause before the next.
  mutating func failed(chance: Double) -> Duration {
    self.failures += 1
    let doublings = self.rules.growsPause ? min(self.failures - 1, 20) : 0
    let longest = min(self.pause.upperBound, self.pause.lowerBound * (1 << doublings))
    return self.rules.jitters ? longest * (0.5 + 0.5 * min(max(chance, 0), 1)) : longest
  }

  /// A connection was lost.
  ///
  /// - Parameters:
  ///   - age: How old it became. One that breaks soon after it was made counts as another failure.
  ///   - chance: A number from 0 to 1.
  /// - Returns: How long to pause before the next attempt.
  mutating func lost(age: Duration, chance: Double) -> Duration {
    if age > self.pause.upperBound { self.failures = 0 }
    return self.failed(chance: chance)
  }
}

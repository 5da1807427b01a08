/// Guesses how long the rest of a bench takes, from what it has taken so far.
struct TimeLeft: Sendable {
  private struct Kind: Hashable {
    var workload: BenchWorkload
    var target: Int
  }

  /// What a step takes of which nothing is known yet, in seconds.
  let guess: Double
  private var known: [Kind: Double] = [:]
  private var warmUps: [Kind: Double] = [:]

  init(guess: Double) {
    self.guess = guess
  }

  /// Notes what a step has taken.
  mutating func note(_ step: BenchStep, seconds: Double) {
    let kind = Kind(workload: step.workload, target: step.target)
    if step.isWarmUp { self.warmUps[kind] = seconds } else { self.known[kind] = seconds }
  }

  /// The seconds that some steps will take.
  func seconds(for steps: some Sequence<BenchStep>) -> Double {
    steps.reduce(0) { sum, step in
      let kind = Kind(workload: step.workload, target: step.target)
      if step.isWarmUp { return sum + (self.warmUps[kind] ?? self.guess / 2) }
      // A step is not shorter than its warm-up: a crowd takes as long as it takes.
      return sum + (self.known[kind] ?? max(self.guess, self.warmUps[kind] ?? 0))
    }
  }
}

/// One run of one workload on one backend.
struct BenchStep: Hashable, Sendable {
  var workload: BenchWorkload
  /// The place of the backend among all.
  var target: Int
  /// From 1; 0 is the warm-up, whose figures are thrown away.
  var repetition: Int

  var isWarmUp: Bool { self.repetition == 0 }
}

/// The order in which everything runs.
enum BenchPlan {
  /// Repetition by repetition, workload by workload, the backends by turns, and each time another one first: what else the
  /// machine does then falls on all of them alike, and no backend always runs behind the same other one.
  static func steps(workloads: [BenchWorkload], targets: Int, repetitions: Int) -> [BenchStep] {
    (0...repetitions).flatMap { repetition in
      workloads.flatMap { workload in
        (0..<targets).map { place in
          BenchStep(workload: workload, target: (place + repetition) % targets, repetition: repetition)
        }
      }
    }
  }
}

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

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

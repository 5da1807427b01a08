/// Everything that a bench has measured.
struct BenchOutcome: Sendable {
  /// A backend that could not be measured.
  struct Failure: Sendable {
    let target: String
    /// Its kind if it was never reached, so that nothing at all was measured.
    let kind: String?
    let message: String
    let code: Int32
  }

  var settings: BenchSettings
  var machine: Machine
  var targets: [BenchTarget] = []
  /// By workload, then in the order of the targets.
  var results: [BenchResult] = []
  /// The backends that could not be reached, started, or went away.
  var failures: [Failure] = []

  /// An object for each workload on each backend, those included that could not be reached.
  var reports: [BenchReport] {
    self.results.map(\.report)
      + self.failures.flatMap { failure in
        self.settings.workloads.compactMap { workload in
          failure.kind.map {
            BenchReport(of: workload, onUnreachable: failure.target, kind: $0, error: failure.message)
          }
        }
      }
  }

  func results(of workload: BenchWorkload) -> [BenchResult] {
    self.results.filter { $0.workload == workload && $0.isMeasured }
  }

  /// The workloads of which there is anything to show.
  var workloads: [BenchWorkload] { self.settings.workloads.filter { !self.results(of: $0).isEmpty } }

  /// The first thing that a lock must not let happen, if any did.
  var violation: String? {
    self.results.lazy.compactMap { result in
      result.report.workload.violation.map { "\(result.workload.rawValue) on \(result.target.name): \($0)" }
    }.first
  }

  /// The exit code and message for what went wrong, if anything did.
  var failure: CommandFailure? {
    if let violation { return CommandFailure(.failed, violation) }
    if let failure = self.failures.first {
      return CommandFailure(code: failure.code, "\(failure.target): \(failure.message)")
    }
    for result in self.results {
      for run in result.runs {
        guard let code = run.tally.firstErrorCode, let error = run.tally.firstError else { continue }
        return CommandFailure(code: code, "\(result.workload.rawValue) on \(result.target.name): \(error)")
      }
    }
    return nil
  }
}

/// How a bench runs.
struct BenchSettings: Sendable {
  var workloads = BenchWorkload.allCases
  var repetitions = 3
  /// How long each run of a workload asks for locks.
  var duration: Duration = .seconds(1)

  /// A warm-up is shorter: it is there to make connections, directories and caches, not to be counted.
  var warmUp: Duration { self.duration / 4 }
}

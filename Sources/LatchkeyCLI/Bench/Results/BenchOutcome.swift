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

/// The result of one workload on one backend as `bench --json` prints it: the fields of every workload, and some of its own.
struct BenchReport: Encodable, Sendable {
  var workload: WorkloadReport
  /// What distinguishes this backend from others of its kind.
  var target: String
  /// How many runs the figures come from.
  var repetitions: Int
  /// The slowest and the fastest of them.
  var perSecondMinimum: Double
  var perSecondMaximum: Double
  /// The first error.
  var error: String?

  private enum CodingKeys: String, CodingKey {
    case target, repetitions, perSecondMinimum, perSecondMaximum, error
  }

  func encode(to encoder: any Encoder) throws {
    try self.workload.encode(to: encoder)
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(self.target, forKey: .target)
    try container.encode(self.repetitions, forKey: .repetitions)
    try container.encode(self.perSecondMinimum, forKey: .perSecondMinimum)
    try container.encode(self.perSecondMaximum, forKey: .perSecondMaximum)
    try container.encode(self.error, forKey: .error)
  }
}

extension BenchReport {
  /// What there is to say about a backend that was never reached: one error.
  init(of workload: BenchWorkload, onUnreachable target: String, kind: String, error: String) {
    var report = WorkloadReport(medianOf: [], backend: kind, workload: workload.rawValue, workers: workload.workers)
    report.errors = 1
    self.init(
      workload: report,
      target: target,
      repetitions: 0,
      perSecondMinimum: 0,
      perSecondMaximum: 0,
      error: error
    )
  }
}

extension WorkloadReport {
  /// Several repetitions in one: rates and times are medians, a greatest time is the greatest of all, counts are sums.
  init(medianOf reports: [WorkloadReport], backend: String, workload: String, workers: Int) {
    func median(_ figure: (WorkloadReport) -> Double) -> Double { Statistics.median(reports.map(figure)) ?? 0 }
    func sum(_ figure: (WorkloadReport) -> Int) -> Int { reports.reduce(0) { $0 + figure($1) } }
    func latency(_ times: (WorkloadReport) -> Latency) -> Latency {
      Latency(
        p50: median { times($0).p50 },
        p90: median { times($0).p90 },
        p99: median { times($0).p99 },
        max: reports.map { times($0).max }.max() ?? 0
      )
    }
    let tokens = reports.compactMap(\.tokensIncreasing)
    self.init(
      backend: backend,
      workload: workload,
      workers: workers,
      processes: 1,
      seconds: reports.reduce(0) { $0 + $1.seconds },
      acquisitions: sum(\.acquisitions),
      perSecond: median(\.perSecond),
      expectedCount: sum(\.expectedCount),
      finalCount: sum(\.finalCount),
      latencyMicroseconds: latency(\.latencyMicroseconds),
      holdMicroseconds: latency(\.holdMicroseconds),
      fairness: Fairness(
        min: reports.map(\.fairness.min).min() ?? 0,
        max: reports.map(\.fairness.max).max() ?? 0,
        jain: median(\.fairness.jain)
      ),
      failedTries: sum(\.failedTries),
      lostLeases: sum(\.lostLeases),
      tokensIncreasing: tokens.isEmpty ? nil : tokens.allSatisfy { $0 },
      errors: sum(\.errors)
    )
  }
}

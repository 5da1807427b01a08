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

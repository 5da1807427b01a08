/// What all repetitions of one workload on one backend have measured.
struct BenchResult: Sendable {
  let target: BenchTarget
  let workload: BenchWorkload
  let runs: [BenchRun]

  /// - Parameter runs: In their order, without warm-ups. Those that were cut short count only if there is no other.
  init(target: BenchTarget, workload: BenchWorkload, runs: [BenchRun]) {
    self.target = target
    self.workload = workload
    let whole = runs.filter { !$0.wasCut }
    self.runs = whole.isEmpty ? runs.filter { $0.operations > 0 || $0.tally.errors > 0 } : whole
  }

  /// Whether there is anything to show.
  var isMeasured: Bool { self.runs.contains { $0.operations > 0 } }

  /// The times of all repetitions together.
  var latency: LatencyHistogram {
    self.runs.reduce(into: LatencyHistogram()) { $0.add($1.tally.latency) }
  }

  /// The repetition whose throughput is nearest to the median.
  var typicalRun: BenchRun? {
    Statistics.placeOfMedian(self.runs.map { WorkloadReport.rate($0.operations, in: $0.tally.seconds) })
      .map { self.runs[$0] }
  }

  var report: BenchReport {
    let reports = self.runs.map { $0.report(backend: self.target.kind) }
    let rates = reports.map(\.perSecond)
    return BenchReport(
      workload: WorkloadReport(
        medianOf: reports,
        backend: self.target.kind,
        workload: self.workload.rawValue,
        workers: self.workload.workers
      ),
      target: self.target.name,
      repetitions: self.runs.count,
      perSecondMinimum: rates.min() ?? 0,
      perSecondMaximum: rates.max() ?? 0,
      error: self.runs.lazy.compactMap(\.tally.firstError).first
    )
  }
}

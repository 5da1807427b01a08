/// What one run of one workload on one backend has measured.
struct BenchRun: Sendable {
  let workload: BenchWorkload
  let tally: Tally
  /// What the protected counters came to, all together.
  let finalCount: Int
  let tokensOutOfOrder: Int
  /// The grants of each worker.
  let grants: [Int]
  /// Some grants in a row.
  let timeline: [Timeline.Hold]
  /// Of a crowd: when each waiter had the lock, in nanoseconds after the first release, in order.
  let drain: [UInt64]
  /// Whether it was interrupted before its time.
  let wasCut: Bool

  /// How many operations were done: grants or, where the lock is held by somebody else, answers.
  var operations: Int { self.workload == .trybusy ? self.tally.failedTries : self.tally.acquisitions }

  /// The run in the shape of all workloads.
  func report(backend: String) -> WorkloadReport {
    var report = WorkloadReport(
      backend: backend,
      workload: self.workload.rawValue,
      workers: self.workload.workers,
      processes: 1,
      tally: self.tally,
      finalCount: self.finalCount,
      grants: self.grants,
      tokensIncreasing: self.tally.grantsHadTokens ? self.tokensOutOfOrder == 0 : nil
    )
    report.perSecond = WorkloadReport.rate(self.operations, in: self.tally.seconds)
    return report
  }
}

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

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

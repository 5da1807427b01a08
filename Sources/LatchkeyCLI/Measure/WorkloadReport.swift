/// The result of one workload, in the shape that scripts rely on: fields may be added, never renamed.
struct WorkloadReport: Codable, Sendable {
  struct Latency: Codable, Sendable {
    var p50: Double
    var p90: Double
    var p99: Double
    var max: Double
  }

  struct Fairness: Codable, Sendable {
    var min: Int
    var max: Int
    var jain: Double
  }

  var backend: String
  var workload: String
  var workers: Int
  var processes: Int
  var seconds: Double
  var acquisitions: Int
  var perSecond: Double
  var expectedCount: Int
  var finalCount: Int
  var latencyMicroseconds: Latency
  var holdMicroseconds: Latency
  var fairness: Fairness
  var failedTries: Int
  var lostLeases: Int
  /// Nil where the backend has no tokens, or nothing was granted.
  var tokensIncreasing: Bool?
  var errors: Int

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(self.backend, forKey: .backend)
    try container.encode(self.workload, forKey: .workload)
    try container.encode(self.workers, forKey: .workers)
    try container.encode(self.processes, forKey: .processes)
    try container.encode(self.seconds, forKey: .seconds)
    try container.encode(self.acquisitions, forKey: .acquisitions)
    try container.encode(self.perSecond, forKey: .perSecond)
    try container.encode(self.expectedCount, forKey: .expectedCount)
    try container.encode(self.finalCount, forKey: .finalCount)
    try container.encode(self.latencyMicroseconds, forKey: .latencyMicroseconds)
    try container.encode(self.holdMicroseconds, forKey: .holdMicroseconds)
    try container.encode(self.fairness, forKey: .fairness)
    try container.encode(self.failedTries, forKey: .failedTries)
    try container.encode(self.lostLeases, forKey: .lostLeases)
    // Written even if nil: a field that comes and goes is a trap for scripts.
    try container.encode(self.tokensIncreasing, forKey: .tokensIncreasing)
    try container.encode(self.errors, forKey: .errors)
  }
}

extension WorkloadReport {
  /// - Parameters:
  ///   - tally: What all workers have measured together.
  ///   - finalCount: What the counters that the lock protects came to.
  ///   - grants: The grants of each worker.
  ///   - tokensIncreasing: Nil where there were no tokens.
  init(
    backend: String,
    workload: String,
    workers: Int,
    processes: Int,
    tally: Tally,
    finalCount: Int,
    grants: [Int],
    tokensIncreasing: Bool?
  ) {
    self.init(
      backend: backend,
      workload: workload,
      workers: workers,
      processes: processes,
      seconds: tally.seconds,
      acquisitions: tally.acquisitions,
      perSecond: Self.rate(tally.acquisitions, in: tally.seconds),
      expectedCount: tally.additions,
      finalCount: finalCount,
      latencyMicroseconds: Latency(tally.latency),
      holdMicroseconds: Latency(tally.hold),
      fairness: Fairness(grants),
      failedTries: tally.failedTries,
      lostLeases: tally.lostLeases,
      tokensIncreasing: tokensIncreasing,
      errors: tally.errors
    )
  }

  /// Events per second, to one decimal.
  static func rate(_ count: Int, in seconds: Double) -> Double {
    seconds > 0 ? (Double(count) / seconds * 10).rounded() / 10 : 0
  }

  /// What a lock must not let happen, if it did.
  var violation: String? {
    if self.finalCount != self.expectedCount {
      let lost = self.expectedCount - self.finalCount
      return "the lock did not keep the workers apart: \(lost) updates were lost"
    }
    return self.tokensIncreasing == false ? "fencing tokens did not grow with every grant" : nil
  }
}

extension WorkloadReport.Latency {
  init(_ histogram: LatencyHistogram) {
    func microseconds(_ nanoseconds: UInt64) -> Double { Double(nanoseconds) / 1000 }
    self.init(
      p50: microseconds(histogram.percentile(50)),
      p90: microseconds(histogram.percentile(90)),
      p99: microseconds(histogram.percentile(99)),
      max: microseconds(histogram.maximum)
    )
  }
}

extension WorkloadReport.Fairness {
  /// Jain's index is 1 when all got the same, and 1/n when one of n got everything.
  init(_ grants: [Int]) {
    let sum = grants.reduce(0.0) { $0 + Double($1) }
    let squares = grants.reduce(0.0) { $0 + Double($1) * Double($1) }
    let jain = squares == 0 ? 1 : sum * sum / (Double(grants.count) * squares)
    self.init(min: grants.min() ?? 0, max: grants.max() ?? 0, jain: (jain * 10000).rounded() / 10000)
  }
}

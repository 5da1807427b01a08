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
  @OrNull var tokensIncreasing: Bool? = nil
  var errors: Int
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

extension WorkloadReport: CustomStringConvertible {
  /// The report for people, without colours.
  var description: String { self.text(TextStyle(isColored: false, isUnicode: true)) }

  /// The report for people.
  ///
  /// - Parameters:
  ///   - style: How it may look.
  ///   - isBrief: Whether to leave out rates, times and shares, which of a few attempts mean little.
  func text(_ style: TextStyle, isBrief: Bool = false) -> String {
    var rows: [(String, String)] = [("count", self.countText(style))]
    if !isBrief { rows += self.figures }
    if let tokensIncreasing {
      rows.append(("tokens", tokensIncreasing ? "strictly increasing" : style.colored("NOT INCREASING", .bad)))
    }
    if self.failedTries > 0 { rows.append(("busy", "\(self.failedTries) attempts found the lock held")) }
    if self.lostLeases > 0 { rows.append(("lost", "\(self.lostLeases) leases ended before their release")) }
    if self.errors > 0 { rows.append(("errors", "\(self.errors)")) }
    let width = 12
    let workers = "\(self.workers) \(self.workers == 1 ? "worker" : "workers")"
    let title = "\(self.backend): " + (self.processes == 1 ? workers : "\(self.processes) processes of \(workers)")
    return ([title] + rows.map { "  " + $0.0 + String(repeating: " ", count: width - $0.0.count) + $0.1 })
      .joined(separator: "\n")
  }

  private var figures: [(String, String)] {
    var rows: [(String, String)] = [
      (
        "throughput",
        "\(Figures.number(self.perSecond))/s: \(self.acquisitions) acquisitions in \(Figures.time(microseconds: self.seconds * 1_000_000))"
      )
    ]
    if self.backend != "none" { rows.append(("wait", Self.row(self.latencyMicroseconds))) }
    rows.append(("hold", Self.row(self.holdMicroseconds)))
    rows.append(
      (
        "fairness",
        "\(self.fairness.min) to \(self.fairness.max) per worker when the first had done its part; Jain's index \(self.fairness.jain)"
      )
    )
    return rows
  }

  private func countText(_ style: TextStyle) -> String {
    let lost = self.expectedCount - self.finalCount
    let verdict = lost == 0 ? style.colored("no update lost", .good) : style.colored("\(lost) UPDATES LOST", .bad)
    return "\(self.finalCount) of \(self.expectedCount): \(verdict)"
  }

  private static func row(_ latency: Latency) -> String {
    let times = [("p50", latency.p50), ("p90", latency.p90), ("p99", latency.p99), ("max", latency.max)]
    return times.map { "\($0) \(Figures.time(microseconds: $1))" }.joined(separator: "  ")
  }
}

extension WorkloadReport: CustomStringConvertible {
  /// The report for people.
  var description: String {
    var rows: [(String, String)] = [
      ("count", self.countText),
      (
        "throughput",
        "\(Figures.number(self.perSecond))/s: \(self.acquisitions) acquisitions in \(Figures.time(microseconds: self.seconds * 1_000_000))"
      ),
    ]
    if self.backend != "none" { rows.append(("wait", Self.row(self.latencyMicroseconds))) }
    rows.append(("hold", Self.row(self.holdMicroseconds)))
    rows.append(
      (
        "fairness",
        "\(self.fairness.min) to \(self.fairness.max) per worker when the first had done its part; Jain's index \(self.fairness.jain)"
      )
    )
    if let tokensIncreasing { rows.append(("tokens", tokensIncreasing ? "strictly increasing" : "NOT INCREASING")) }
    if self.failedTries > 0 { rows.append(("busy", "\(self.failedTries) attempts found the lock held")) }
    if self.lostLeases > 0 { rows.append(("lost", "\(self.lostLeases) leases ended before their release")) }
    if self.errors > 0 { rows.append(("errors", "\(self.errors)")) }
    let width = 12
    let workers = "\(self.workers) \(self.workers == 1 ? "worker" : "workers")"
    let title = "\(self.backend): " + (self.processes == 1 ? workers : "\(self.processes) processes of \(workers)")
    return ([title] + rows.map { "  " + $0.0 + String(repeating: " ", count: width - $0.0.count) + $0.1 })
      .joined(separator: "\n")
  }

  private var countText: String {
    let lost = self.expectedCount - self.finalCount
    let verdict = lost == 0 ? "no update lost" : "\(lost) UPDATES LOST"
    return "\(self.finalCount) of \(self.expectedCount): \(verdict)"
  }

  private static func row(_ latency: Latency) -> String {
    let times = [("p50", latency.p50), ("p90", latency.p90), ("p99", latency.p99), ("max", latency.max)]
    return times.map { "\($0) \(Figures.time(microseconds: $1))" }.joined(separator: "  ")
  }
}

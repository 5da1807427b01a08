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

extension WorkloadReport: CustomStringConvertible {
  /// The report for people.
  var description: String {
    var rows: [(String, String)] = [
      ("count", self.countText),
      (
        "throughput",
        "\(Self.number(self.perSecond))/s: \(self.acquisitions) acquisitions in \(Self.seconds(self.seconds))"
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
    "p50 \(Self.time(latency.p50))  p90 \(Self.time(latency.p90))  p99 \(Self.time(latency.p99))  max \(Self.time(latency.max))"
  }

  private static func time(_ microseconds: Double) -> String {
    switch microseconds {
    case ..<1000: "\(Self.number(microseconds)) us"
    case ..<1_000_000: "\(Self.number(microseconds / 1000)) ms"
    default: "\(Self.number(microseconds / 1_000_000)) s"
    }
  }

  private static func seconds(_ seconds: Double) -> String { Self.time(seconds * 1_000_000) }

  /// Three digits that mean something.
  private static func number(_ value: Double) -> String {
    switch value {
    case ..<10: "\((value * 100).rounded() / 100)"
    case ..<100: "\((value * 10).rounded() / 10)"
    default: "\(Int(value.rounded()))"
    }
  }
}

internal import Latchkey

extension VerifyOutcome {
  /// For people.
  var text: String {
    var lines = [
      "\(self.backend)\(self.version.map { " (\($0))" } ?? ""), \(self.settings.processes) processes with "
        + "\(self.settings.workers) workers, sessions of \(DurationText.format(self.settings.timeToLive)), "
        + "seed \(self.settings.seed)",
      "",
      "operations  \(Figures.grouped(self.counts.requests)) requests, \(Figures.grouped(self.counts.grants)) grants, "
        + "\(Figures.grouped(self.counts.losses)) losses told, \(Figures.grouped(self.toldUnasked)) of them unasked",
      "writes      \(Figures.grouped(self.counts.accepted)) accepted, \(Figures.grouped(self.counts.refused)) refused as stale",
    ]
    if !self.counts.failures.isEmpty {
      let failures = self.counts.failures.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
      lines.append("not granted \(failures.joined(separator: ", "))")
    }
    for (place, count) in self.faultCounts.enumerated() {
      let effect = count.bitten == count.done ? "" : ", \(count.bitten) with effect"
      lines.append("\(place == 0 ? "faults      " : "            ")\(count.name) \(count.done)\(effect)")
    }
    if !self.history.isFenced, self.counts.grants > 0 {
      lines.append(
        "tokens      none on this backend: exclusion is judged by isHeld alone, and the resource refuses nothing"
      )
    }
    lines.append("")
    lines += self.violationLines
    for (reason, count) in self.explanations {
      lines.append("EXPLAINED   \(count == 1 ? "once" : "\(count) times"): \(reason)")
    }
    lines += self.notJudged.map { "not judged  \($0)" }
    lines.append("verdict     \(self.verdictText)")
    lines.append("repeat with \(self.command)")
    return lines.joined(separator: "\n")
  }

  /// The first violations of each kind, in order of time: one kind that is everywhere hides no other.
  private var violationLines: [String] {
    var shown: [Breach.Kind: Int] = [:]
    var lines: [String] = []
    for finding in self.violations {
      shown[finding.kind, default: 0] += 1
      if shown[finding.kind, default: 0] <= Self.mostOfAKind { lines.append("VIOLATION   \(self.text(finding))") }
    }
    let more = shown.filter { $0.value > Self.mostOfAKind }.sorted { $0.key.rawValue < $1.key.rawValue }
    return lines + more.map { "            and \($0.value - Self.mostOfAKind) more of the kind \($0.key.rawValue)" }
  }

  private static let mostOfAKind = 8

  private var verdictText: String {
    let cut = self.isInterrupted ? " (interrupted)" : ""
    switch self.verdict {
    case .passed: return "passed: every promise was kept\(cut)"
    case .explained: return "explained: no violation, but what is named above is no pass\(cut)"
    case .toothless: return "nothing proven: no fault had an effect\(cut)"
    case .violated: return "VIOLATED: \(self.violations.count) findings\(cut)"
    }
  }

  /// A finding with its time.
  func text(_ finding: Breach) -> String {
    guard let at = finding.at, at >= self.began, at != .max else { return finding.text }
    return "\(Figures.number(Double(at - self.began) / 1e9)) s: \(finding.text)"
  }
}

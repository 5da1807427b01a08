internal import Latchkey
internal import LatchkeyTesting

/// What a verification has found.
struct VerifyOutcome: Sendable {
  /// The verdict, from good to bad.
  enum Verdict: String, Codable, Sendable {
    /// Every promise was kept.
    case passed
    /// What went wrong is not promised, or a known defect of the servers: named, and no pass.
    case explained
    /// No fault had any effect: the run proves nothing.
    case toothless
    case violated
  }

  var settings: VerifySettings
  /// The kind of backend, with the number of its servers.
  var backend: String
  var version: String?
  var machine: Machine
  /// When the clients had been let go.
  var began: UInt64
  var faults: [InjectedFault]
  /// What the clients have told, as it came.
  var events: [RecordedEvent]
  var history: ClientHistory
  var counts: VerifyRecord.Counts
  var findings: [Breach]
  /// What cannot be judged, and why.
  var notJudged: [String]
  var isInterrupted: Bool

  var violations: [Breach] { self.findings.filter { $0.excuse == nil } }
  var explained: [Breach] { self.findings.filter { $0.excuse != nil } }
  /// How many losses were told to holders that did not look.
  var toldUnasked: Int { self.history.leases.count { $0.isToldUnasked } }
  var hasTokens: Bool { self.history.leases.contains { $0.token != nil } }

  var verdict: Verdict {
    if !self.violations.isEmpty { return .violated }
    if !self.faults.contains(where: \.hasBitten) { return .toothless }
    return self.explained.isEmpty ? .passed : .explained
  }

  /// Each kind of fault with how often it was done, and how often it had an effect.
  var faultCounts: [(name: String, done: Int, bitten: Int)] {
    let names = Set(self.faults.map(\.action.name)).sorted()
    return names.map { name in
      let faults = self.faults.filter { $0.action.name == name }
      return (name, faults.count, faults.count { $0.hasBitten })
    }
  }

  /// Explained findings by what was found and why.
  var explanations: [(reason: String, count: Int)] {
    let groups = Dictionary(grouping: self.explained) { finding in
      "\(finding.kind == .noProgress ? "no lock within the bound" : "held by two at once"): \(finding.excuse ?? "")"
    }
    return groups.map { ($0.key, $0.value.count) }.sorted { $0.0 < $1.0 }
  }

  /// The whole history, a line of JSON for each event, fault and write.
  func historyText() throws -> String {
    var lines: [String] = []
    for fault in self.faults { lines.append(try JSON.encode(fault)) }
    for event in self.events { lines.append(try JSON.encode(event)) }
    for write in self.history.writes where !write.wasAccepted { lines.append(try JSON.encode(write)) }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The command that repeats the schedule.
  var command: String {
    let kinds = FaultKind.allCases.filter(self.settings.kinds.contains).map(\.rawValue).joined(separator: ",")
    let words =
      ["latchkey", "verify"] + self.settings.target + ["--faults", kinds, "--seed", "\(self.settings.seed)"]
      + ["--duration", DurationText.format(self.settings.duration), "--processes", "\(self.settings.processes)"]
      + ["--workers", "\(self.settings.workers)"]
    return ShellWord.line(words + (self.settings.sabotage.map { ["--sabotage", $0.rawValue] } ?? []))
  }
}

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

/// Words of a command line that can be pasted into a shell.
enum ShellWord {
  /// What no POSIX shell reads as anything but itself.
  private static let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+.,:/@%")

  /// One word, in quotes where it needs them.
  static func quoted(_ word: String) -> String {
    guard word.isEmpty || !word.allSatisfy(self.plain.contains) else { return word }
    return "'\(word.replacing("'", with: "'\\''"))'"
  }

  /// A command line.
  static func line(_ words: [String]) -> String { words.map(self.quoted).joined(separator: " ") }
}

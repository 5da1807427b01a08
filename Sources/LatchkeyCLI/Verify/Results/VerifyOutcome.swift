internal import Latchkey

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
  var history: VerifyHistory
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

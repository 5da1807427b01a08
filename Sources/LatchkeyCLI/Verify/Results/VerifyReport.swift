internal import LatchkeyPrimitives
internal import LatchkeyProcesses

internal import LatchkeyTesting

/// A verification as `--json` prints it. Fields may be added, never renamed.
struct VerifyReport: Codable, Hashable, Sendable {
  struct Fault: Codable, Hashable, Sendable {
    var name: String
    var done: Int
    /// How many of them were seen to have an effect.
    var bitten: Int
  }

  struct Found: Codable, Hashable, Sendable {
    var kind: String
    var text: String
    /// Seconds from the beginning; null for what has no time.
    @OrNull var at: Double? = nil
    /// Null for a violation.
    @OrNull var explanation: String? = nil
  }

  var backend: String
  var version: String?
  var verdict: VerifyOutcome.Verdict
  var interrupted: Bool
  var seed: UInt64
  var seconds: Double
  var processes: Int
  var workers: Int
  var requests: Int
  var grants: Int
  var losses: Int
  /// How many of them were told to holders that did not ask.
  var lossesUnasked: Int
  var writesAccepted: Int
  var writesRefused: Int
  var failures: [String: Int]
  var hasTokens: Bool
  var faults: [Fault]
  var violations: [Found]
  var explained: [Found]
  /// What cannot be judged, and why.
  var notJudged: [String]

  init(_ outcome: VerifyOutcome) {
    func found(_ finding: Breach) -> Found {
      let at = finding.at.flatMap { $0 >= outcome.began ? Double($0 - outcome.began) / 1e9 : nil }
      return Found(kind: finding.kind.rawValue, text: finding.text, at: at, explanation: finding.excuse)
    }
    self.backend = outcome.backend
    self.version = outcome.version
    self.verdict = outcome.verdict
    self.interrupted = outcome.isInterrupted
    self.seed = outcome.settings.seed
    self.seconds = Double(outcome.settings.duration.nanoseconds) / 1e9
    self.processes = outcome.settings.processes
    self.workers = outcome.settings.workers
    self.requests = outcome.counts.requests
    self.grants = outcome.counts.grants
    self.losses = outcome.counts.losses
    self.lossesUnasked = outcome.toldUnasked
    self.writesAccepted = outcome.counts.accepted
    self.writesRefused = outcome.counts.refused
    self.failures = outcome.counts.failures
    self.hasTokens = outcome.hasTokens
    self.faults = outcome.faultCounts.map { Fault(name: $0.name, done: $0.done, bitten: $0.bitten) }
    self.violations = outcome.violations.map(found)
    self.explained = outcome.explained.map(found)
    self.notJudged = outcome.notJudged
  }
}

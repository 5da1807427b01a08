/// What one process of a contention has measured; the tallies of all processes add up.
struct Tally: Codable, Sendable {
  /// Leases granted.
  var acquisitions = 0
  /// Additions made to the counter: grants, less those lost before the addition was written.
  var additions = 0
  var failedTries = 0
  var lostLeases = 0
  var errors = 0
  /// The first error, and the exit code it leads to.
  var firstError: String?
  var firstErrorCode: Int32?
  var grantsHadTokens = false
  /// The first start and the last end, on ``Uptime``.
  var start = UInt64.max
  var end: UInt64 = 0
  var latency = LatencyHistogram()
  var hold = LatencyHistogram()
  /// What became of each worker, where each tries once and somebody wants to know.
  var outcomes: [TryOutcome] = []

  /// What only the backend could see to be wrong usage, if it let nobody in for it: then nothing was measured.
  var misuse: CommandFailure? {
    guard self.acquisitions == 0, self.firstErrorCode == ExitStatus.usage.code else { return nil }
    return CommandFailure(.usage, self.firstError)
  }

  var seconds: Double { self.end > self.start ? Double(self.end - self.start) / 1e9 : 0 }

  mutating func note(error: any Error) {
    let failure = CommandFailure(error)
    self.note(error: failure.message ?? "\(error)", code: failure.code)
  }

  mutating func note(error message: String, code: Int32) {
    self.errors += 1
    guard self.firstError == nil else { return }
    self.firstError = message
    self.firstErrorCode = code
  }

  mutating func add(_ other: Tally) {
    self.acquisitions += other.acquisitions
    self.additions += other.additions
    self.failedTries += other.failedTries
    self.lostLeases += other.lostLeases
    self.errors += other.errors
    if self.firstError == nil {
      self.firstError = other.firstError
      self.firstErrorCode = other.firstErrorCode
    }
    self.grantsHadTokens = self.grantsHadTokens || other.grantsHadTokens
    self.start = min(self.start, other.start)
    self.end = max(self.end, other.end)
    self.latency.add(other.latency)
    self.hold.add(other.hold)
    self.outcomes += other.outcomes
  }
}

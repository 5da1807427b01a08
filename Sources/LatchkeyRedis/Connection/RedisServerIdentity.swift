/// Which run of a server a connection leads to. A server that was started again has another, and may have forgotten everything.
package struct RedisServerIdentity: Hashable, Sendable {
  /// The run's name: 40 random digits that each start makes anew.
  package let runID: String
  /// How long the run had lasted when it said so, in whole seconds.
  package let uptime: Duration
  /// When it had said so.
  package let readAt: ContinuousClock.Instant

  package init(runID: String, uptime: Duration, readAt: ContinuousClock.Instant) {
    self.runID = runID
    self.uptime = uptime
    self.readAt = readAt
  }

  /// The run has lasted at least this long by now.
  package func uptime(at now: ContinuousClock.Instant) -> Duration {
    self.uptime + (now - self.readAt)
  }

  /// Reads the answer to `INFO server`.
  init?(info: String, readAt: ContinuousClock.Instant) {
    var fields: [Substring: Substring] = [:]
    for line in info.split(whereSeparator: \.isNewline) {
      let parts = line.split(separator: ":", maxSplits: 1)
      if parts.count == 2 { fields[parts[0]] = parts[1] }
    }
    guard let run = fields["run_id"], !run.isEmpty, let seconds = fields["uptime_in_seconds"].flatMap({ Int64($0) })
    else { return nil }
    self.init(runID: String(run), uptime: .seconds(seconds), readAt: readAt)
  }
}

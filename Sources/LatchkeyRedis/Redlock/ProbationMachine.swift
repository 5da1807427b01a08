/// Whether one server of a quorum is believed: one that was started again may have forgotten keys that still protect somebody,
/// so it has no vote until all of them have run out.
///
/// Pure. A crash always breaks the connection, and each connection asks the server at its beginning which run it is; a run that
/// is new to us is on probation for the largest TTL and a second more, by our own clock. The uptime that the server reports is
/// by its clock, and so counts only if it is twice that.
package struct ProbationMachine: Sendable {
  private let length: Duration
  private(set) var runID: String?
  private(set) var end: ContinuousClock.Instant?

  /// - Parameter length: How long a new run has no vote.
  package init(length: Duration) {
    self.length = length
  }

  /// Looks at the run that a vote came from.
  ///
  /// - Parameters:
  ///   - identity: The run.
  ///   - isKnown: Whether it is known otherwise that this run cannot have forgotten anything.
  ///   - now: When.
  /// - Returns: Until when it has no vote; nil if it has one.
  package mutating func end(
    for identity: RedisServerIdentity,
    isKnown: () -> Bool = { false },
    at now: ContinuousClock.Instant
  ) -> ContinuousClock.Instant? {
    if self.runID != identity.runID {
      self.runID = identity.runID
      let isTrusted = identity.uptime >= self.length * 2 || isKnown()
      // From when we saw it first, however long before it started.
      self.end = isTrusted ? nil : identity.readAt.advanced(by: self.length)
    }
    if let end = self.end, end <= now { self.end = nil }
    return self.end
  }
}

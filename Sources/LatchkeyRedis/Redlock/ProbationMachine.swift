/// Whether one server of a quorum is believed: one that was started again may have forgotten keys that still protect somebody,
/// so it has no vote until all of them have run out.
///
/// Pure. A crash always breaks the connection, and each connection asks the server at its beginning which run it is; a run that
/// is new to us is on probation for the largest TTL and a second more, by our own clock. The uptime that the server reports is
/// by its clock, and so counts only if it is twice that, and only for the first run that we see at a node: the run that follows
/// another may be a server that has long been up elsewhere and has taken over the address without the keys.
package struct ProbationMachine: Sendable {
  /// What the machine's promise rests on; a mutant is a changed rule.
  package struct Rules: Sendable {
    /// How many times the length a server must have been up to be believed at once.
    package var uptimes = 2
    /// A run that follows another is on probation however long it has been up.
    package var distrustsSuccessors = true

    /// The rules that the locks run by.
    package static let sound = Rules()
  }

  private let rules: Rules
  private let length: Duration
  private(set) var runID: String?
  private(set) var end: ContinuousClock.Instant?

  /// - Parameters:
  ///   - length: How long a new run has no vote.
  ///   - rules: The rules.
  package init(length: Duration, rules: Rules = .sound) {
    self.length = length
    self.rules = rules
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
      let isFirst = self.runID == nil || !self.rules.distrustsSuccessors
      self.runID = identity.runID
      let isTrusted = isFirst && identity.uptime >= self.length * self.rules.uptimes || isKnown()
      // From when we saw it first, however long before it started.
      self.end = isTrusted ? nil : identity.readAt.advanced(by: self.length)
    }
    if let end = self.end, end <= now { self.end = nil }
    return self.end
  }
}

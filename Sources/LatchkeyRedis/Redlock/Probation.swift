internal import Latchkey
internal import LatchkeyPrimitives

/// Whether one server of a quorum is believed: the shell of a ``ProbationMachine``.
final class Probation: Sendable {
  private let machine: Locked<ProbationMachine>

  /// - Parameter length: How long a new run has no vote.
  init(_ length: Duration) {
    self.machine = Locked(ProbationMachine(length: length))
  }

  /// Until when a run is not believed; nil if it is.
  func distrust(_ identity: RedisServerIdentity?, at now: ContinuousClock.Instant = .now) -> ContinuousClock.Instant? {
    guard let identity else { return nil }
    return self.machine.withLock { machine in
      machine.end(for: identity, isKnown: { RedlockTestHooks.trusts(runID: identity.runID) }, at: now)
    }
  }
}

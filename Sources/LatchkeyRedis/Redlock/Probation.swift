internal import Latchkey

/// Whether one server of a quorum is believed: the shell of a ``ProbationMachine``.
final class Probation: Sendable {
  private let machine: Locked<ProbationMachine?>

  /// - Parameter length: How long a new run has no vote; nil to believe every run.
  init(_ length: Duration?) {
    self.machine = Locked(length.map { ProbationMachine(length: $0) })
  }

  /// Why a run is not believed; nil if it is.
  func distrust(_ identity: RedisServerIdentity?, at now: ContinuousClock.Instant = .now) -> String? {
    guard let identity else { return nil }
    let end = self.machine.withLock { machine in
      machine?.end(for: identity, isKnown: { FreshServers.contains(runID: identity.runID) }, at: now)
    }
    guard let end else { return nil }
    return "was started lately and may have forgotten a lock: no vote for \(now.duration(to: end).formattedSeconds)"
  }
}

extension Duration {
  /// Whole seconds, rounded up.
  fileprivate var formattedSeconds: String {
    let (seconds, attoseconds) = self.components
    return "\(attoseconds > 0 ? seconds + 1 : seconds) s"
  }
}

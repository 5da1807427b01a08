internal import Latchkey

/// Whether one server of a quorum is believed: one that was started again may have forgotten keys that still protect somebody,
/// so it has no vote until all of them have run out.
///
/// A crash always breaks the connection, and each connection asks the server at its beginning which run it is; a run that is
/// new to us is on probation for the largest TTL and a second more, by our own clock. The uptime that the server reports is by
/// its clock, and so counts only if it is twice that.
final class Probation: Sendable {
  private struct State {
    var runID: String?
    var end: ContinuousClock.Instant?
  }

  private let length: Duration?
  private let state = Locked(State())

  /// - Parameter length: How long a new run has no vote; nil to believe every run.
  init(_ length: Duration?) {
    self.length = length
  }

  /// Why a run is not believed; nil if it is.
  func distrust(_ identity: RedisServerIdentity?, at now: ContinuousClock.Instant = .now) -> String? {
    guard let length = self.length, let identity else { return nil }
    let end = self.state.withLock { state -> ContinuousClock.Instant? in
      if state.runID != identity.runID {
        state.runID = identity.runID
        let isKnown = FreshServers.contains(runID: identity.runID) || identity.uptime >= length * 2
        // From when we saw it first, however long before it started.
        state.end = isKnown ? nil : identity.readAt.advanced(by: length)
      }
      if let end = state.end, end <= now { state.end = nil }
      return state.end
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

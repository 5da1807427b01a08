internal import Latchkey
internal import LatchkeyPrimitives
internal import Logging

/// What is known of a release that servers have not confirmed, and what the log says of it.
final class UnconfirmedRelease: Sendable {
  private struct State {
    /// Until when what was granted stands at the servers if nobody deletes it.
    var standsUntil: ContinuousClock.Instant?
    /// What the servers last had against the release.
    var error: RedisError?
    /// Whether the log says that the release was given up.
    var isDropLogged = false
  }

  private let name: LockName
  private let runtime: LockRuntime
  private let state = Locked(State())

  init(_ name: LockName, _ runtime: LockRuntime) {
    self.name = name
    self.runtime = runtime
  }

  func note(standsUntil: ContinuousClock.Instant) { self.state.withLock { $0.standsUntil = standsUntil } }

  /// Reads the answer to a release, and logs what the server has against it.
  ///
  /// - Parameter until: When the keys have run out, unless another instant was noted.
  func read(_ reply: PortReply, until: ContinuousClock.Instant?) -> ReleaseReply {
    switch reply.result {
    case .success(.integer(let number)): return number > 0 ? .freed(notified: Int(number) - 1) : .gone
    case .success: return .failed
    case .failure(let error):
      self.note(error, isFinal: !error.isTransient, until: until)
      return error.isTransient ? .failed : .refused
    }
  }

  /// How long others wait for what could not be given back, at most.
  private func standsFor(_ until: ContinuousClock.Instant?) -> Duration {
    let until = self.state.withLock { $0.standsUntil } ?? until
    return max(.zero, until.map { ContinuousClock.now.duration(to: $0) } ?? self.runtime.settings.timeToLive)
  }

  private func note(_ error: RedisError, isFinal: Bool, until: ContinuousClock.Instant?) {
    self.state.withLock { $0.error = error }
    // A lost connection is logged by the connection, and the release is tried again.
    guard isFinal || error.code == .server else { return }
    let isLogged = self.state.withLock { state in
      defer { state.isDropLogged = state.isDropLogged || isFinal }
      return state.isDropLogged
    }
    guard !isLogged else { return }
    self.runtime.refusals.warn(
      isFinal
        ? "a lock could not be given back; others wait until its TTL ends"
        : "a lock could not be given back yet; this is tried again until its TTL ends",
      error: "\(error)",
      remaining: self.standsFor(until),
      name: self.name
    )
  }

  /// Logs that the release is given up.
  func drop(until: ContinuousClock.Instant?) {
    let error = self.state.withLock { state -> RedisError?? in
      guard !state.isDropLogged else { return nil }
      state.isDropLogged = true
      return .some(state.error)
    }
    guard let error else { return }
    self.runtime.settings.logger.warning(
      "a lock was not given back before its client was shut down; others wait until its TTL ends",
      metadata: Logger.Metadata.lock(self.name, self.runtime.settings.backend)
        .and(["error": "\(error ?? .noAnswer)", "lock.remaining": "\(self.standsFor(until).roundedUp)"])
    )
  }

  /// What the caller of a release learns.
  func outcome(of result: ReleaseResult, until: ContinuousClock.Instant?) -> ReleaseOutcome {
    switch result {
    case .released: return .success(nil)
    case .lost:
      let reason = "its key was gone when it was released: deleted by hand, evicted, or forgotten by its server"
      return .failure(.lost(self.name, because: reason))
    case .pending:
      let error = self.state.withLock { $0.error } ?? .noAnswer
      return .success(PendingRelease(reason: "\(error)", standsFor: self.standsFor(until)))
    }
  }
}

extension RedisError {
  static let noAnswer = RedisError(.timedOut, "Too few servers answered in time.")
}

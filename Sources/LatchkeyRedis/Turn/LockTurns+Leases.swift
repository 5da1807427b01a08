internal import Latchkey
internal import LatchkeyPrimitives
internal import Logging

extension LockTurns: TermLeaseOwner {
  var logger: Logger { self.servers.settings.logger }

  func extend(_ lease: RedisLease) async throws(LockError) {
    let outcome = await self.servers.renewals.extend(lease)
    switch outcome.answer {
    // If it was lost, the lease knows by now.
    case .extended, .lost: return
    case .unknown where Task.isCancelled: throw .cancelled(self.name)
    case .unknown:
      var error = LockError(
        .unreachable,
        name: self.name,
        message: "the lease could not be extended because too few servers answered; it stands until its deadline",
        underlying: outcome.error
      )
      if let refusal = outcome.error, refusal.isRefusal {
        error.code = LockError(self.name, refusal).code
        error.message = "the lease could not be extended; it stands until its deadline"
      }
      throw error
    }
  }

  func release(_ lease: RedisLease) async throws(LockError) -> PendingRelease? {
    self.servers.renewals.forget(lease)
    let outcome: ReleaseOutcome = await withCheckedContinuation { continuation in
      let steps = self.state.withLock { state -> [Step] in
        guard state.lease === lease, let ballot = state.ballot else { return [.settle(continuation, .success(nil))] }
        state.releases[lease.node] = continuation
        return self.end(lease, ballot, &state)
      }
      self.perform(steps)
    }
    return try outcome.get()
  }

  func releaseInBackground(_ lease: RedisLease) {
    self.servers.renewals.forget(lease)
    let steps = self.state.withLock { state -> [Step] in
      guard state.lease === lease, let ballot = state.ballot else { return [] }
      return self.end(lease, ballot, &state)
    }
    self.perform(steps)
  }

  /// A lease was lost. Its key is released all the same: an extension may have got through whose reply has not.
  func termEnded(_ lease: RedisLease) { self.releaseInBackground(lease) }

  private func end(_ lease: RedisLease, _ ballot: Ballot, _ state: inout State) -> [Step] {
    state.lease = nil
    ballot.note(standsUntil: lease.term.deadline + LeaseTime.drift(self.servers.settings.timeToLive))
    return self.apply(.ended(attempt: ballot.attempt), &state)
  }
}

/// Answers to callers that get no lease.
extension LockTurns {
  /// A request that has been out for so long says something about the server, not about the lock.
  private static let silence = Duration.milliseconds(500)

  func answerAtTimeout(_ state: State, of id: Line.ID) -> Answer {
    // A try is answered with the first answer of a server: there was none.
    if state.impatient.contains(id) {
      return .failed(state.machine.lastOutage.map { self.error($0, state) } ?? self.silent)
    }
    if let number = state.machine.lastOutage { return .failed(self.error(number, state)) }
    if let askedAt = state.askedAt, state.machine.isAsking, askedAt.duration(to: .now) > Self.silence {
      return .failed(self.silent)
    }
    return .timedOut(self.knownOfWait(state, of: id))
  }

  func knownOfWait(_ state: State, of id: Line.ID) -> LockError.Wait {
    // Another caller of this client holds it: the local line is the only queue there is.
    if state.lease != nil, let ballot = state.ballot {
      let place = state.line.countAhead(of: id) + 1
      return LockError.Wait(holder: OwnerIdentity.describe(ballot.owner), place: place)
    }
    var wait = LockError.Wait()
    if self.servers.ports.count > 1 { wait.votes = state.ballot?.votes ?? [:] }
    let quorum = self.servers.ports.count / 2 + 1
    let holder = state.holders.first { holder in state.holders.count { $0 == holder } >= quorum }
    wait.holder = holder.map(OwnerIdentity.describe)
    return wait
  }

  func error(_ number: UInt64, _ state: State) -> LockError {
    guard let error = state.error, error.number == number else { return self.silent }
    return error.error
  }

  func unavailable(
    _ error: RedisError,
    _ ballot: Ballot,
    votingFrom: ContinuousClock.Instant?
  ) -> LockError {
    let keys = self.servers.settings.isFenced ? [self.keys.lock, self.keys.counter] : [self.keys.lock]
    guard self.servers.ports.count > 1 else { return LockError(self.name, error, keys: keys) }
    let wait = LockError.Wait(votes: ballot.votes)
    if let votingFrom {
      let message = "too few of the servers have run for long enough to vote; \(WallClock.describe(votingFrom))"
      return LockError(.unreachable, name: self.name, message: message, wait: wait)
    }
    guard error.isTransient else {
      var failure = LockError(self.name, error, keys: keys)
      failure.wait = wait
      return failure
    }
    // What each of them has said stands among the votes.
    let message = "too few of the servers can vote; each says why, and a majority must run and have run for long enough"
    return LockError(.unreachable, name: self.name, message: message, wait: wait)
  }

  var tooSlow: LockError {
    LockError(
      .unreachable,
      name: self.name,
      message:
        "the servers granted the lock so late that its TTL was used up; look for what slows them, or raise the TTL"
    )
  }

  private var silent: LockError {
    LockError(
      .unreachable,
      name: self.name,
      message: "the server did not answer within the wait; check that it runs, or wait longer"
    )
  }
}

extension LockTurns.State {
  /// Keeps an error until the machine decides whom to fail with it.
  mutating func keep(_ error: LockError) -> UInt64 {
    defer { self.nextError += 1 }
    self.error = (self.nextError, error)
    return self.nextError
  }
}

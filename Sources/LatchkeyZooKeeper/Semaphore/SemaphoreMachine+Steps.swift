internal import Latchkey

extension SemaphoreMachine {
  /// The attempt that has, or may have, something at the servers.
  var attempt: Attempt? {
    switch self.phase {
    case .idle, .needSession, .queueing: nil
    case .entering(let attempt), .makingPlace(let attempt), .waiting(let attempt, _, _), .ripe(let attempt, _),
      .aside(let attempt, _, _), .throttled(let attempt):
      attempt
    }
  }

  /// What the first in the local line wants.
  var wanted: Int { if case .permits(let permits) = self.demand.want { permits } else { 1 } }

  var place: SemaphorePlace {
    // Who heads the queue has nobody before it there.
    SemaphorePlace(ahead: max(1, self.lastSeen.before + self.queueAhead), first: self.lastSeen.first)
  }

  mutating func demandChanged() -> [SemaphoreAction] {
    guard self.demand.isAny else { return self.abandon() }
    if !self.demand.waits, self.isInLine {
      // A try does not get into line.
      return self.abandon() + self.proceed()
    }
    if case .idle = self.phase {
      self.hasAnswer = false
      return self.proceed()
    }
    if self.rules.followsWant, let attempt = self.attempt, attempt.permits != self.wanted {
      return self.drop() + self.proceed()
    }
    // The new caller may run out of time, and the others not.
    return self.dismissTries() + (self.isAnswered ? [.send(.behind(self.place))] : [])
  }

  private var isInLine: Bool { if case .aside = self.phase { true } else { self.ticket != nil } }

  /// Does what is to be done next, without nodes among the permits.
  mutating func proceed() -> [SemaphoreAction] {
    guard self.demand.isAny else { return self.abandon() }
    guard let session = self.connectedSession else {
      self.phase = .needSession
      self.hasAnswer = false
      return []
    }
    if self.ticket != nil, !self.isHead {
      self.phase = .queueing
      return self.keepLookout()
    }
    if self.ticket == nil, self.isContended, !self.demand.hasTries { return self.enterQueue() }
    let attempt = self.newAttempt(session)
    self.demand.asked()
    self.phase = .entering(attempt)
    let enter = SemaphoreAction.send(
      .enter(
        attempt: attempt.number,
        identifier: attempt.identifier,
        permits: attempt.permits,
        isHead: attempt.isHead,
        session: session
      )
    )
    return self.endLookout() + (self.rules.keepsPlaceAsHead ? [] : self.leaveQueue()) + [enter]
  }

  func newAttempt(_ number: UInt64, _ session: UInt64) -> Attempt {
    Attempt(
      number: number,
      identifier: self.makeIdentifier(number),
      permits: self.wanted,
      session: session,
      isHead: self.ticket != nil,
      held: self.holds.flatMap(\.claim.names)
    )
  }

  mutating func newAttempt(_ session: UInt64) -> Attempt {
    defer { self.nextAttempt += 1 }
    return self.newAttempt(self.nextAttempt, session)
  }

  /// The nodes fit. They are granted only if the session is proven to live: a grant that comes with no time left would be lost at
  /// once.
  mutating func ripen(_ attempt: Attempt, _ claim: PermitClaim, termIsLive: Bool) -> [SemaphoreAction] {
    guard termIsLive || !self.rules.needsLiveTerm else {
      self.phase = .ripe(attempt, claim)
      return [.send(.awaitLiveTerm(session: attempt.session))]
    }
    self.isContended = self.hasWaited
    self.phase = .idle
    self.holds.append(Hold(claim: claim, watch: self.nextWatch))
    self.nextWatch += 1
    let watch = SemaphoreAction.send(.watchOwnLater(claim, watch: self.nextWatch - 1))
    // Those behind us in the queue may look for permits now.
    return (attempt.isHead ? [.send(.forgetWatches)] : []) + [.grant(claim), watch] + self.leaveQueue()
  }

  // MARK: Giving up

  /// No caller is left, or none that would wait: whatever there is of ours goes.
  mutating func abandon() -> [SemaphoreAction] {
    let actions = self.drop()
    self.phase = .idle
    return actions + self.endLookout() + self.leaveQueue()
  }

  /// Takes back what there is among the permits; the place in the queue stays.
  mutating func drop() -> [SemaphoreAction] {
    switch self.phase {
    case .idle, .needSession, .queueing, .makingPlace, .throttled: return []
    case .entering(let attempt):
      if self.rules.cleansUpAfterAbandonedCreates {
        self.litter.expectCreate(attempt.number, attempt.identifier, session: attempt.session)
      }
      return attempt.isHead ? [.send(.forgetWatches)] : []
    case .waiting(_, let claim, _): return [.send(.forgetWatches)] + self.withdraw(claim)
    case .ripe(let attempt, let claim):
      return (attempt.isHead ? [.send(.forgetWatches)] : []) + self.withdraw(claim)
    case .aside:
      self.lookout = nil
      return [.send(.forgetWatches)]
    }
  }

  /// Deletes nodes that were not granted.
  mutating func withdraw(_ claim: PermitClaim) -> [SemaphoreAction] {
    self.rules.withdraws ? self.litter.delete(claim, connected: self.connectedSession) : []
  }

  mutating func sessionOver(_ attempt: Attempt) -> [SemaphoreAction] {
    if self.connectedSession == attempt.session { self.connectedSession = nil }
    return [.send(.forgetWatches)] + self.proceed()
  }

  mutating func giveUp(_ failure: LockFailure) -> [SemaphoreAction] {
    let actions = self.abandon()
    self.demand = Demand()
    return actions + [.fail(failure)]
  }

  /// The servers are asked again after a pause.
  mutating func pause(_ attempt: Attempt) -> [SemaphoreAction] {
    let actions = self.drop()
    self.phase = .throttled(attempt)
    return actions + (self.rules.repeatsRefused ? [.send(.pause(.attempt(attempt.number)))] : [])
  }

  mutating func pauseOver(_ pause: SemaphorePause) -> [SemaphoreAction] {
    switch pause {
    case .attempt(let number):
      guard case .throttled(let attempt) = self.phase, attempt.number == number else { return [] }
      return self.proceed()
    case .look(let number): return self.lookAgain(number)
    case .delete(let claim): return self.litter.deleteAgain(claim, connected: self.connectedSession)
    case .search(let identifier, _): return self.litter.searchAgain(identifier, connected: self.connectedSession)
    case .stranger(let name, _):
      self.strangers[name]?.isLookedAt = false
      return []
    }
  }

  // MARK: Tries

  /// Answers the tries: somebody waits who comes before them.
  mutating func dismissTries() -> [SemaphoreAction] {
    guard self.demand.waits, self.isAnswered else { return [] }
    if case .entering(let attempt) = self.phase, !attempt.isHead { return [] }
    return self.turnAway()
  }

  mutating func turnAway() -> [SemaphoreAction] {
    defer { self.demand.turnedAway() }
    return self.demand.hasTries ? [.turnAway(self.place)] : []
  }

  mutating func turnAwayEarlier() -> [SemaphoreAction] {
    defer { self.demand.turnedAwayEarlier() }
    return self.demand.tries ? [.turnAwayEarlier(self.place)] : []
  }

  // MARK: Sessions

  mutating func connected(_ session: UInt64) -> [SemaphoreAction] {
    self.connectedSession = session
    var actions = self.litter.connected(session) + self.holdsConnected(session)
    switch self.phase {
    case .needSession: actions += self.proceed()
    case .waiting(let attempt, _, _), .aside(let attempt, _, _):
      if attempt.session == session, self.rules.watchesAgain { actions += self.lookAgain(attempt.number) }
    case .ripe(let attempt, _) where attempt.session == session:
      // Asked once more: the servers may have given the session another timeout.
      actions.append(.send(.awaitLiveTerm(session: session)))
    default: break
    }
    return actions + self.lookOut() + self.keepLookout()
  }

  mutating func ended(_ session: UInt64) -> [SemaphoreAction] {
    if self.connectedSession == session { self.connectedSession = nil }
    self.strangers.removeAll { $0.value.session == session }
    (self.suspects, self.lookout) = ([], nil)
    let actions = self.litter.ended(session) + self.loseHolds { $0.session == session }
    guard self.attempt?.session == session else { return actions }
    return actions + [.send(.forgetWatches)] + self.proceed()
  }

  mutating func closed(_ failure: LockFailure) -> [SemaphoreAction] {
    self.connectedSession = nil
    self.strangers = OrderedTable()
    (self.suspects, self.lookout) = ([], nil)
    let actions = self.litter.clear() + self.loseHolds { _ in true }
    self.phase = .idle
    self.demand = Demand()
    return actions + [.send(.forgetWatches)] + self.leaveQueue() + [.fail(failure)]
  }
}

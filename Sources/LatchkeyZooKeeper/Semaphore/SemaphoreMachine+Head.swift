internal import Latchkey

// In the queue, at the head of it, and aside.
extension SemaphoreMachine {
  mutating func enterQueue() -> [SemaphoreAction] {
    self.phase = .queueing
    let ticket = self.nextTicket
    self.nextTicket += 1
    (self.ticket, self.isHead, self.hasWaited, self.queueAhead) = (ticket, false, false, 0)
    return [.send(.enterQueue(ticket: ticket))] + self.keepLookout()
  }

  mutating func leaveQueue() -> [SemaphoreAction] {
    guard let ticket = self.ticket else { return [] }
    (self.ticket, self.isHead, self.hasWaited, self.queueAhead) = (nil, false, false, 0)
    return [.send(.leaveQueue(ticket: ticket))]
  }

  mutating func queued(_ ticket: UInt64, ahead: Int) -> [SemaphoreAction] {
    guard ticket == self.ticket else { return [] }
    (self.hasWaited, self.hasAnswer, self.queueAhead) = (true, true, ahead)
    return self.dismissTries()
  }

  mutating func headed(_ ticket: UInt64) -> [SemaphoreAction] {
    guard ticket == self.ticket else { return [] }
    (self.isHead, self.queueAhead) = (true, 0)
    guard case .queueing = self.phase else { return [] }
    self.hasAnswer = true
    return self.proceed()
  }

  /// The new head of the queue waits for our nodes to go, if it counts as Curator does.
  mutating func unheaded(_ ticket: UInt64) -> [SemaphoreAction] {
    guard ticket == self.ticket, self.rules.reentersQueue else { return [] }
    let leave = self.leaveQueue()
    return leave + self.drop() + (self.demand.waits ? self.enterQueue() : self.proceed())
  }

  mutating func queueFailed(_ ticket: UInt64, _ failure: LockFailure) -> [SemaphoreAction] {
    guard ticket == self.ticket else { return [] }
    return self.giveUp(failure)
  }

  // MARK: At the head

  /// What the head of the queue does with what it knows.
  mutating func wait(termIsLive: Bool) -> [SemaphoreAction] {
    guard case .waiting(let attempt, let claim, let look) = self.phase, !look.isListing else { return [] }
    guard let limit = look.limit else { return [] }
    if self.fits(attempt, look.before, limit) { return self.ripen(attempt, claim, termIsLive: termIsLive) }
    if self.isBeyond(attempt, limit) { return self.drop() + self.stepAside(attempt) }
    self.hasWaited = true
    var actions = self.dismissTries() + [.send(.behind(self.place))]
    if look.isStale || attempt.hasChanged { actions += self.list() }
    return actions
  }

  private mutating func list() -> [SemaphoreAction] {
    guard case .waiting(var attempt, let claim, var look) = self.phase else { return [] }
    (look.isListing, look.isStale, attempt.hasChanged) = (true, false, false)
    self.phase = .waiting(attempt, claim, look)
    return [.send(.list(attempt: attempt.number, session: attempt.session))]
  }

  /// Lists and reads once more, and sets the watches again.
  mutating func lookAgain(_ number: UInt64) -> [SemaphoreAction] {
    if number == self.lookout { return self.lookOut() }
    switch self.phase {
    case .waiting(let attempt, let claim, var look) where attempt.number == number:
      guard self.connectedSession == attempt.session else { return [] }
      let isShared = self.fixedLimit == nil
      if isShared { look.limit = nil }
      (look.isReading, look.isLimitStale) = (isShared, false)
      self.phase = .waiting(attempt, claim, look)
      let read = SemaphoreAction.send(.readLimit(attempt: number, session: attempt.session))
      return [.send(.forgetWatches)] + self.list() + (isShared ? [read] : [])
    case .aside(let attempt, _, _) where attempt.number == number:
      guard self.connectedSession == attempt.session else { return [] }
      return [.send(.forgetWatches)] + self.readAside(attempt)
    default: return []
    }
  }

  mutating func listed(
    _ number: UInt64,
    _ result: Result<[String], NodeQueueFailure>,
    termIsLive: Bool
  ) -> [SemaphoreAction] {
    if number == self.lookout { return self.lookedOut(number, result) }
    guard case .waiting(let attempt, let claim, var look) = self.phase, attempt.number == number else { return [] }
    switch result {
    case .success(let leases):
      guard let before = self.count(before: claim, of: attempt, in: leases) else { return self.drop() + self.proceed() }
      (look.before, look.isListing) = (before, false)
      self.phase = .waiting(attempt, claim, look)
      return self.wait(termIsLive: termIsLive)
    case .failure(let failure): return self.lookFailed(attempt, failure)
    }
  }

  mutating func limitRead(
    _ number: UInt64,
    _ result: Result<Int?, NodeQueueFailure>,
    termIsLive: Bool
  ) -> [SemaphoreAction] {
    switch self.phase {
    case .waiting(let attempt, let claim, var look) where attempt.number == number:
      switch result {
      case .success(let limit?):
        // It has changed since.
        guard !look.isLimitStale else {
          look.isLimitStale = false
          self.phase = .waiting(attempt, claim, look)
          return [.send(.readLimit(attempt: number, session: attempt.session))]
        }
        (look.limit, look.isReading) = (limit, false)
        self.phase = .waiting(attempt, claim, look)
        return self.wait(termIsLive: termIsLive)
      case .success(nil): return self.drop() + self.makePlace(attempt)
      case .failure(let failure): return self.lookFailed(attempt, failure)
      }
    case .aside(let attempt, _, let isStale) where attempt.number == number:
      switch result {
      case .success(let limit?):
        self.hasAnswer = true
        guard !isStale else { return self.readAside(attempt) }
        if limit >= attempt.permits { return self.drop() + self.proceed() }
        self.phase = .aside(attempt, isReading: false, isStale: false)
        return self.dismissTries()
      case .success(nil): return self.drop() + self.makePlace(attempt)
      case .failure(let failure): return self.lookFailed(attempt, failure)
      }
    default: return []
    }
  }

  /// A look has no result.
  private mutating func lookFailed(_ attempt: Attempt, _ failure: NodeQueueFailure) -> [SemaphoreAction] {
    switch failure {
    // Once more: at once if the connection is back already, else when it is.
    case .inDoubt: return self.rules.watchesAgain ? self.lookAgain(attempt.number) : []
    case .throttled: return self.rules.repeatsRefused ? [.send(.pause(.look(attempt.number)))] : []
    // The directory went away, and our nodes with it.
    case .noNode: return self.drop() + self.makePlace(attempt)
    case .sessionOver: return self.sessionOver(attempt)
    case .permanent(let failure): return self.giveUp(failure)
    }
  }

  mutating func leasesChanged(_ number: UInt64) -> [SemaphoreAction] {
    if number == self.lookout { return self.lookOut() }
    guard self.rules.heedsPermits else { return [] }
    switch self.phase {
    case .entering(var attempt) where attempt.number == number:
      attempt.hasChanged = true
      self.phase = .entering(attempt)
      return []
    case .waiting(let attempt, let claim, var look) where attempt.number == number:
      guard look.isListing else { return self.list() }
      look.isStale = true
      self.phase = .waiting(attempt, claim, look)
      return []
    default: return []
    }
  }

  mutating func limitChanged(_ number: UInt64) -> [SemaphoreAction] {
    guard self.rules.heedsLimit else { return [] }
    switch self.phase {
    case .waiting(let attempt, let claim, var look) where attempt.number == number:
      if self.rules.forgetsChangedLimit { look.limit = nil }
      defer { self.phase = .waiting(attempt, claim, look) }
      guard !look.isReading else {
        look.isLimitStale = true
        return []
      }
      look.isReading = true
      return [.send(.readLimit(attempt: number, session: attempt.session))]
    case .aside(let attempt, let isReading, _) where attempt.number == number:
      guard isReading else { return self.readAside(attempt) }
      self.phase = .aside(attempt, isReading: true, isStale: true)
      return []
    default: return []
    }
  }

  // MARK: Aside

  /// Leaves the queue to those who want less, and waits for a greater limit.
  mutating func stepAside(_ attempt: Attempt) -> [SemaphoreAction] {
    let leave = self.leaveQueue()
    self.isContended = true
    // Answers to what was asked before are about another watch.
    let aside = self.newAttempt(attempt.session)
    return leave + self.readAside(aside) + self.keepLookout() + self.dismissTries()
  }

  private mutating func readAside(_ attempt: Attempt) -> [SemaphoreAction] {
    self.phase = .aside(attempt, isReading: true, isStale: false)
    return [.send(.readLimit(attempt: attempt.number, session: attempt.session))]
  }
}

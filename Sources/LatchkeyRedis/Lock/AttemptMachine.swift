/// How a request to the server came out.
package enum AttemptDecision: Hashable, Sendable {
  case granted
  /// Our key was planted, but so late that the TTL is used up.
  case late
  /// Another's key stands there; for how long at most, where it has a TTL.
  case busy(remaining: Duration?)
  /// There is no answer, or none that tells.
  case unavailable
}

/// What one server answered to a request for the lock.
package enum AttemptReply: Hashable, Sendable {
  /// Our key stands there.
  case planted
  /// Another's key stands there; for how long at most, where it has a TTL.
  case held(remaining: Duration?)
  case failed(RequestFailure)
}

/// What happens to an attempt.
package enum AttemptEvent: Hashable, Sendable {
  /// The lock is wanted; what is planted from now on is good until the deadline.
  case ask(deadline: ContinuousClock.Instant)
  /// The server has answered a request, or will not.
  case answered(AttemptReply)
  /// What the attempt planted is not wanted, or no longer.
  case release
  /// The server has answered a release, or will not.
  case released(ReleaseReply)
  /// The time has come to send a release again.
  case retry
}

/// What an attempt wants done. The outcome of each is reported as an event.
package enum AttemptAction: Hashable, Sendable {
  /// Ask the server to plant our key.
  case request
  /// Report how the request came out. Once for each time it was asked.
  case decide(AttemptDecision)
  /// Ask the server to delete our key.
  case release
  /// Come back to a release after a while.
  case retryLater(after: Duration)
  /// Let the caller of the release go on; how many subscribers were notified.
  case settle(notified: Int, ReleaseResult)
}

/// One owner's attempt to get a lock from one server: a pure state machine.
///
/// The server can be asked again by the same owner, which finds a grant whose reply was lost. Nothing is deleted before a release.
package struct AttemptMachine: Sendable {
  /// What the machine's promises rest on; a mutant is a changed rule.
  package struct Rules: Sendable {
    package var key = OwnerKey.Rules()
    /// A grant counts only before the deadline.
    package var refusesLateGrants = true
    /// A first release that finds nothing is a loss.
    package var findsLosses = true

    package init() {}
  }

  private let rules: Rules
  private let timeToLive: Duration
  private(set) var key: OwnerKey
  private(set) var deadline: ContinuousClock.Instant?
  private(set) var isGranted = false
  private(set) var isReleased = false
  private(set) var isSettled = false
  /// When nothing that was planted can still stand.
  private(set) var releaseUntil: ContinuousClock.Instant?

  /// - Parameters:
  ///   - timeToLive: How long a key stands that nobody releases.
  ///   - rules: The rules.
  package init(timeToLive: Duration, rules: Rules = Rules()) {
    self.rules = rules
    self.timeToLive = timeToLive
    self.key = OwnerKey(timeToLive: timeToLive, rules: rules.key)
  }

  /// Whether some request was sent whose fate nobody knows.
  package var isDoubtful: Bool { self.key.isDoubtful }

  /// Whether everything is released, and nothing is in flight.
  package var isOver: Bool { self.isReleased && self.key.isOver }

  /// Runs one event.
  ///
  /// - Parameters:
  ///   - event: What happened.
  ///   - now: When.
  /// - Returns: What to do, in this order.
  package mutating func handle(_ event: AttemptEvent, at now: ContinuousClock.Instant) -> [AttemptAction] {
    switch event {
    case .ask(let deadline):
      precondition(!self.isReleased, "an attempt that was released is over")
      self.deadline = deadline
      self.key.asked()
      return [.request]
    case .answered(let reply):
      guard self.key.isPending else { return [] }
      return self.answered(reply, now)
    case .release:
      guard !self.isReleased else { return [] }
      self.isReleased = true
      self.releaseUntil = now.advanced(by: self.timeToLive)
      // Behind the answer to what is in flight.
      return self.key.isPending ? [] : self.sendRelease()
    case .released(let reply):
      guard self.key.release == .sending else { return [] }
      let delay = self.key.released(reply, until: self.releaseUntil, at: now)
      var notified = 0
      if case .freed(let count) = reply { notified = count }
      return (delay.map { [.retryLater(after: $0)] } ?? []) + self.settle(notified: notified)
    case .retry: return self.key.retryRelease() ? [.release] : []
    }
  }

  private mutating func answered(_ reply: AttemptReply, _ now: ContinuousClock.Instant) -> [AttemptAction] {
    let decision: AttemptDecision
    switch reply {
    case .planted:
      self.key.answered(.planted)
      let isInTime = self.deadline.map { now < $0 } ?? false
      decision = isInTime || !self.rules.refusesLateGrants ? .granted : .late
    case .held(let remaining):
      self.key.answered(.othersStands)
      decision = .busy(remaining: remaining)
    case .failed(let failure):
      self.key.answered(.failed(failure))
      decision = .unavailable
    }
    guard !self.isReleased else { return self.sendRelease() }
    self.isGranted = decision == .granted
    return [.decide(decision)]
  }

  private mutating func sendRelease() -> [AttemptAction] {
    self.key.sendRelease() ? [.release] : self.settle(notified: 0)
  }

  /// The caller goes on when our key is deleted, or was not there, or no more can be learnt by waiting.
  private mutating func settle(notified: Int) -> [AttemptAction] {
    guard !self.isSettled, let isDone = self.key.isDone else { return [] }
    self.isSettled = true
    if self.key.finding == .gone, self.isGranted, self.rules.findsLosses { return [.settle(notified: notified, .lost)] }
    return [.settle(notified: notified, isDone ? .released : .pending)]
  }
}

package import Latchkey

/// When one client asks for one lock, and when it gives it back: a pure state machine.
///
/// One attempt at a time is made, for the first caller in line. A lock that is held elsewhere is asked for again when its holder
/// publishes its release, and behind that by a poll, for releases that are not published or not heard. A lock that is released with
/// callers in line is released and asked for in one flight.
package struct RedisLockMachine: ContentionMachine {
  /// What the machine's promises rest on; a mutant is a changed rule.
  package struct Rules: Sendable {
    /// Holders publish their releases, and we subscribe.
    package var usesWakeUps = true
    /// An attempt that has not been granted is continued by the same owner, which finds a grant whose reply was lost.
    package var repeatsOwner = true
    /// The lock is asked for again after a subscription was confirmed: the release may have been published before.
    package var asksAfterSubscribing = true
    /// After subscriptions that have ended as soon as they were confirmed, the poll is waited for.
    package var doubtsSubscriptions = true
    /// A published release that arrives while we ask may be newer than the answer.
    package var remembersWakeUps = true
    /// What an attempt in doubt may hold is released when nobody wants it any more.
    package var releasesDoubt = true
    /// A try that comes while a request is out is not answered by that request: the lock may have been released since.
    package var asksForNewcomers = true
    /// Tries are answered with "busy" while a failed release of ours is repeated.
    package var turnsTriesAwayFromOwn = true
    /// The longest time between two tries while somebody else holds the lock.
    package var pollCeiling = Duration.seconds(1)
    /// The first and the longest pause between tries where nobody tells how long the lock is held.
    package var firstPause = Duration.milliseconds(10)
    package var longestPause = Duration.milliseconds(250)
    /// How often in a row the lock is handed to the next in the local line before other processes get a chance.
    package var handOverLimit = 16
    /// For how long the lock is handed on within the local line before other processes get a chance; nil for as long as the
    /// number of times allows.
    package var tenure: Duration?
    /// The shortest and the longest pause that gives other processes their chance.
    package var courtesy = Duration.milliseconds(1)...(.milliseconds(3))

    package init() {}
  }

  enum Phase: Hashable {
    case idle
    case asking
    case resting(alarm: UInt64)
    /// The lock was given back, and it is asked for when the server has confirmed that.
    case leaving
    /// Other processes are given a chance.
    case yielding(alarm: UInt64)
    case held
  }

  enum Subscription: Hashable {
    case none
    case opening
    case open
    /// Nobody needs it at the moment; it is given up at the alarm.
    case idle(alarm: UInt64)
  }

  /// So many subscriptions may end at once before their successors count for less: a lost connection ends one.
  private static let believable = 2

  private let rules: Rules
  private(set) var phase = Phase.idle
  private(set) var subscription = Subscription.none
  private(set) var attempt: UInt64 = 0
  /// Whether the attempt can be continued.
  private(set) var isOpen = false
  /// Whether the attempt may hold the lock without our knowing.
  private(set) var isDoubtful = false
  /// The release that is under way.
  private(set) var departing: UInt64?
  private(set) var mustAskAgain = false
  /// How many subscriptions in a row have ended before anything came of them; counted no further than it matters.
  private(set) var brokenSubscriptions = 0
  /// The error of the last answer, if it was one.
  package private(set) var outage: LockFailure?
  /// How many answers in a row have not come in time.
  private(set) var silences = 0
  private var pause: Duration?
  private(set) var handOvers = 0
  /// What says that the tenure is over; at most one is set at a time, also if the line ends meanwhile.
  private var tenureAlarm: UInt64?
  private(set) var tenureIsOver = false
  private var nextAlarm: UInt64 = 1
  package var demand = Demand()

  package init(rules: Rules = Rules()) {
    self.rules = rules
  }

  /// Whether nothing is wanted, held or left to clean up.
  package var isIdle: Bool {
    self.phase == .idle && self.departing == nil && self.subscription == .none && !self.demand.isAny
  }

  package var isFree: Bool { self.phase == .idle }

  package var isAnswered: Bool { self.phase != .asking && self.outage == nil }

  /// The server keeps no queue, so nobody has a place in it.
  package var standing: Never? { nil }

  package static func isQuestion(_ request: RedisLockRequest) -> Bool { if case .ask = request { true } else { false } }

  /// Whether an alarm still means something when it goes off.
  func awaits(_ alarm: UInt64) -> Bool {
    self.phase == .resting(alarm: alarm) || self.phase == .yielding(alarm: alarm)
      || self.subscription == .idle(alarm: alarm) || self.tenureAlarm == alarm
  }

  /// Whether a request is out that has not been answered.
  package var isAsking: Bool { self.phase == .asking }

  // MARK: Events

  package mutating func handle(_ event: RedisLockEvent, _ context: Void = ()) -> [RedisLockAction] {
    switch event {
    case .answered(let attempt, let answer):
      guard attempt == self.attempt, self.phase == .asking else { return [] }
      return self.answered(answer)
    case .releaseSettled(let attempt, let notified):
      guard attempt == self.departing else { return [] }
      self.departing = nil
      guard self.phase == .leaving else { return [] }
      return self.continueAfterRelease(notified)
    case .woken:
      self.brokenSubscriptions = 0
      return self.wake(isNews: self.rules.remembersWakeUps)
    case .subscribed:
      guard self.subscription == .opening else { return [] }
      self.subscription = .open
      switch self.phase {
      case .idle, .held: return self.retireSubscription()
      case .asking, .resting, .leaving, .yielding:
        // One that ends with each confirmation would have the lock asked for without a pause.
        let isBelieved = self.brokenSubscriptions < Self.believable || !self.rules.doubtsSubscriptions
        return self.wake(isNews: self.rules.asksAfterSubscribing && isBelieved)
      }
    case .unsubscribed:
      if self.subscription == .open {
        self.brokenSubscriptions = min(self.brokenSubscriptions + 1, Self.believable)
      }
      self.subscription = .none
      return []
    case .alarm(let alarm): return self.ring(alarm)
    }
  }

  package mutating func demandChanged(_ context: Void = ()) -> [RedisLockAction] {
    guard self.demand.isAny else {
      switch self.phase {
      case .idle, .held, .asking, .leaving: return []
      case .resting, .yielding: return self.stop()
      }
    }
    switch self.phase {
    case .idle:
      self.beginTenure()
      return self.ask()
    case .asking, .leaving: return []
    case .resting, .yielding, .held: return self.turnAway()
    }
  }

  /// The holder gives the lock back, or has lost it.
  package mutating func released(_ attempt: UInt64, _ context: Void = ()) -> [RedisLockAction] {
    guard attempt == self.attempt, self.phase == .held else { return [] }
    return self.end()
  }

  // MARK: Callers

  private mutating func turnAway() -> [RedisLockAction] {
    defer { self.demand.turnedAway() }
    guard self.demand.hasTries else { return [] }
    if let outage = self.outage { return [.failTries(outage)] }
    return [.turnAway(nil)]
  }

  /// No caller wants the lock any more, and we do not hold it as far as we know.
  private mutating func stop() -> [RedisLockAction] {
    self.phase = .idle
    self.pause = nil
    var actions: [RedisLockAction] = []
    if self.isOpen, self.isDoubtful, self.rules.releasesDoubt { actions.append(self.depart()) }
    self.isOpen = false
    return actions + self.retireSubscription()
  }

  // MARK: Asking

  private mutating func ask() -> [RedisLockAction] {
    let isNew = !self.isOpen
    if isNew {
      self.attempt += 1
      self.isOpen = true
      self.isDoubtful = false
    }
    self.phase = .asking
    self.mustAskAgain = false
    self.demand.asked()
    return [.send(.ask(attempt: self.attempt, isNew: isNew))]
  }

  private mutating func answered(_ answer: RedisLockAnswer) -> [RedisLockAction] {
    switch answer {
    case .unreachable(let failure, _): self.outage = failure
    case .notYet(let failure, _):
      self.outage = failure
      self.silences = 0
    default:
      self.outage = nil
      self.silences = 0
    }
    switch answer {
    case .granted: return self.granted()
    case .busy(let remaining): return self.busy(remaining)
    case .busyWithOwn:
      self.closeFailed()
      guard self.demand.isAny else { return self.stop() }
      if self.departing != nil {
        self.phase = .leaving
        return []
      }
      if self.mustAskForNewcomers { return self.askForNewcomers() }
      // The release has failed and is tried again in the background: for as long as the key stands, if need be.
      let actions = self.rules.turnsTriesAwayFromOwn ? self.turnAway() : []
      guard self.demand.isAny else { return actions + self.stop() }
      return actions + self.restWithJitter()
    case .unreachable(_, let isSilence):
      self.isDoubtful = true
      self.silences = isSilence ? self.silences + 1 : 0
      self.closeFailed()
      let actions = self.turnAway()
      guard self.demand.isAny else { return actions + self.stop() }
      return actions + (self.silences > 1 ? self.restAfterSilence() : self.restWithJitter())
    case .notYet(_, let remaining):
      self.isDoubtful = true
      self.closeFailed()
      let actions = self.turnAway()
      guard self.demand.isAny else { return actions + self.stop() }
      return actions + self.restUntilExpiry(remaining)
    case .refused(let failure, let inDoubt):
      self.isDoubtful = self.isDoubtful || inDoubt
      self.closeFailed()
      let actions: [RedisLockAction] = self.demand.isAny ? [.fail(failure)] : []
      self.demand = Demand()
      return actions + self.stop()
    }
  }

  private mutating func granted() -> [RedisLockAction] {
    self.pause = nil
    self.isOpen = false
    guard self.demand.isAny else {
      self.phase = .idle
      return [self.depart()] + self.retireSubscription()
    }
    self.phase = .held
    return [.grant(self.attempt)] + self.retireSubscription()
  }

  private mutating func busy(_ remaining: Duration?) -> [RedisLockAction] {
    self.closeFailed()
    if self.mustAskForNewcomers { return self.askForNewcomers() }
    let actions = self.turnAway()
    guard self.demand.isAny else { return actions + self.stop() }
    if self.mustAskAgain { return actions + self.ask() }
    guard self.rules.usesWakeUps else { return actions + self.restWithJitter() }
    return actions + self.wantSubscription() + self.restUntilExpiry(remaining)
  }

  /// Whether the last answer may be older than some of the tries. Behind a waiting caller, a try is busy in any case.
  private var mustAskForNewcomers: Bool { self.demand.needsNewAnswer && self.rules.asksForNewcomers }

  private mutating func askForNewcomers() -> [RedisLockAction] {
    let answers: [RedisLockAction] = self.demand.tries ? [.turnAwayEarlier(nil)] : []
    self.demand.turnedAwayEarlier()
    return answers + self.ask()
  }

  /// An attempt that has failed is over, unless it is made again by the same owner.
  private mutating func closeFailed() {
    if !self.rules.repeatsOwner { self.isOpen = false }
  }

  // MARK: Pauses

  private mutating func rest(atLeast: Duration, atMost: Duration) -> [RedisLockAction] {
    let alarm = self.newAlarm()
    self.phase = .resting(alarm: alarm)
    return [.send(.rest(alarm: alarm, atLeast: atLeast, atMost: atMost))]
  }

  /// A key that expires publishes nothing, so the poll comes when the holder's TTL ends, if not before.
  private mutating func restUntilExpiry(_ remaining: Duration?) -> [RedisLockAction] {
    let bound = min(max(remaining ?? self.rules.pollCeiling, .zero), self.rules.pollCeiling) + .milliseconds(1)
    return self.rest(atLeast: bound, atMost: bound + min(bound / 10, .milliseconds(50)))
  }

  /// Decorrelated jitter: each pause is drawn from a range that grows with the last.
  private mutating func restWithJitter() -> [RedisLockAction] {
    let last = self.pause ?? self.rules.firstPause
    let most = min(last * 3, self.rules.longestPause)
    self.pause = most
    return self.rest(atLeast: self.rules.firstPause, atMost: most)
  }

  /// A server that leaves one request after another unanswered is slow, and those of many locks make it slower. The pause doubles
  /// up to four times the longest one otherwise, so that its recovery is noticed soon, and no further than the ceiling of the poll,
  /// behind which a release must be noticed.
  private mutating func restAfterSilence() -> [RedisLockAction] {
    let longest = max(self.rules.pollCeiling, self.rules.firstPause)
    let most = min(self.rules.longestPause * (1 << min(self.silences - 1, 2)), longest)
    return self.rest(atLeast: most / 2, atMost: most)
  }

  private mutating func newAlarm() -> UInt64 {
    defer { self.nextAlarm += 1 }
    return self.nextAlarm
  }

  private mutating func ring(_ alarm: UInt64) -> [RedisLockAction] {
    if self.subscription == .idle(alarm: alarm) {
      self.subscription = .none
      return [.send(.unsubscribe)]
    }
    if self.tenureAlarm == alarm {
      self.tenureAlarm = nil
      self.tenureIsOver = self.handOvers > 0
      return []
    }
    guard self.phase == .resting(alarm: alarm) || self.phase == .yielding(alarm: alarm) else { return [] }
    if self.subscription == .open { self.brokenSubscriptions = 0 }
    return self.ask()
  }

  private mutating func wake(isNews: Bool) -> [RedisLockAction] {
    guard isNews else { return [] }
    switch self.phase {
    case .resting: return self.outage == nil ? self.ask() : []
    case .asking:
      self.mustAskAgain = true
      return []
    case .idle, .leaving, .yielding, .held: return []
    }
  }

  // MARK: The end of a grant

  private mutating func depart() -> RedisLockAction {
    self.departing = self.attempt
    self.isOpen = false
    return .send(.release(attempt: self.attempt))
  }

  private mutating func end() -> [RedisLockAction] {
    let release = self.depart()
    guard self.demand.isAny else {
      self.phase = .idle
      return [release]
    }
    self.handOvers += 1
    guard self.handOvers >= self.rules.handOverLimit || self.tenureIsOver else {
      return [release] + self.ask() + self.watchTenure()
    }
    self.beginTenure()
    self.phase = .leaving
    return [release]
  }

  private mutating func beginTenure() {
    self.handOvers = 0
    self.tenureIsOver = false
  }

  private mutating func watchTenure() -> [RedisLockAction] {
    guard let tenure = self.rules.tenure, self.tenureAlarm == nil else { return [] }
    let alarm = self.newAlarm()
    self.tenureAlarm = alarm
    return [.send(.rest(alarm: alarm, atLeast: tenure, atMost: tenure))]
  }

  private mutating func continueAfterRelease(_ notified: Int) -> [RedisLockAction] {
    guard self.demand.isAny else { return self.stop() }
    let own: Int =
      switch self.subscription {
      case .open, .idle: 1
      case .none, .opening: 0
      }
    // Without wake-ups the count says nothing about waiters of other processes.
    guard notified > own || !self.rules.usesWakeUps else { return self.ask() }
    let alarm = self.newAlarm()
    self.phase = .yielding(alarm: alarm)
    // Other processes come first, so the tries are busy.
    return self.turnAway() + [
      .send(.rest(alarm: alarm, atLeast: self.rules.courtesy.lowerBound, atMost: self.rules.courtesy.upperBound))
    ]
  }

  // MARK: Wake-ups

  private mutating func wantSubscription() -> [RedisLockAction] {
    switch self.subscription {
    case .none:
      self.subscription = .opening
      return [.send(.subscribe)]
    case .idle:
      self.subscription = .open
      return []
    case .opening, .open: return []
    }
  }

  /// Kept for a while: a client that has waited once will wait again soon, and subscribing costs two round trips.
  private mutating func retireSubscription() -> [RedisLockAction] {
    guard self.subscription == .open else { return [] }
    let alarm = self.newAlarm()
    self.subscription = .idle(alarm: alarm)
    return [.send(.rest(alarm: alarm, atLeast: .seconds(5), atMost: .seconds(6)))]
  }
}

internal import Latchkey

/// How the extension of one lease came out.
package enum ExtensionAnswer: Hashable, Sendable {
  /// The key stands for the TTL that was asked for.
  case extended
  /// The key is gone or another's.
  case lost
  /// Nobody could tell.
  case unknown
}

/// What happens to the leases of a client.
package enum RenewalEvent: Hashable, Sendable {
  /// A lease was granted by a request sent at an instant.
  case granted(lease: UInt64, sentAt: ContinuousClock.Instant)
  /// A lease has ended.
  case ended(lease: UInt64)
  /// An extension of this lease is wanted now.
  case wanted(lease: UInt64)
  /// A request for extension has been answered.
  case answered(lease: UInt64, sentAt: ContinuousClock.Instant, timeToLive: Duration, ExtensionAnswer)
  /// It is time to look.
  case tick
}

/// What is wanted done about the leases of a client.
package enum RenewalAction: Hashable, Sendable {
  /// Ask the servers to extend leases, each by its TTL.
  case extend([Extension])
  /// The deadline has moved.
  case advance(lease: UInt64, deadline: ContinuousClock.Instant)
  /// The lease is lost: its key is gone or another's.
  case lose(lease: UInt64)
  /// The deadline has passed.
  case expire(lease: UInt64)
  /// Look again at this instant, or before.
  case wake(at: ContinuousClock.Instant)

  /// One lease to be extended.
  package struct Extension: Hashable, Sendable {
    package let lease: UInt64
    package let timeToLive: Duration
  }
}

/// Keeps the leases of a client alive: a pure state machine.
///
/// A lease is extended when a third of its TTL has gone by, and with it all that would be due soon, in one request. An
/// extension that fails is tried again until the deadline; a key that is gone is a loss at once. A deadline that has passed
/// never moves.
package struct RenewalMachine: Sendable {
  /// What the machine's promises rest on; a mutant is a changed rule.
  package struct Rules: Sendable {
    /// How long a key stands that nobody extends.
    package var timeToLive: Duration
    /// Whether leases are extended without being asked.
    package var renews = true
    /// How long a lease is kept alive, from its grant on; nil for ever.
    package var longestHold: Duration?
    /// An extension that failed is tried again before the deadline.
    package var retries = true
    /// The TTL of an extension counts from its sending.
    package var countsFromSending = true
    /// A deadline that has passed stays.
    package var staysLost = true
    /// An alarm that rings early leaves the next one as it is.
    package var keepsNextAlarm = true

    package init(timeToLive: Duration) {
      self.timeToLive = timeToLive
    }
  }

  struct Entry {
    var deadline: ContinuousClock.Instant
    /// When to extend it next; nil if it is not to be.
    var due: ContinuousClock.Instant?
    let holdUntil: ContinuousClock.Instant?
    var outstanding = 0
  }

  private let rules: Rules
  private(set) var entries: [UInt64: Entry] = [:]
  private(set) var wakeAt: ContinuousClock.Instant?

  package init(rules: Rules) {
    self.rules = rules
  }

  /// How many leases are watched.
  package var count: Int { self.entries.count }

  /// Runs one event.
  ///
  /// - Parameters:
  ///   - event: What happened.
  ///   - now: When.
  /// - Returns: What to do, in this order.
  package mutating func handle(_ event: RenewalEvent, at now: ContinuousClock.Instant) -> [RenewalAction] {
    switch event {
    case .granted(let lease, let sentAt):
      let deadline = LeaseTime.deadline(sentAt: sentAt, timeToLive: self.rules.timeToLive)
      let holdUntil = self.rules.longestHold.map { sentAt.advanced(by: $0) }
      var entry = Entry(deadline: deadline, due: nil, holdUntil: holdUntil)
      if self.rules.renews { entry.due = sentAt.advanced(by: self.rules.timeToLive / 3) }
      self.entries[lease] = entry
      return self.wake(at: min(entry.due ?? deadline, deadline))
    case .ended(let lease):
      self.entries[lease] = nil
      return []
    case .wanted(let lease):
      guard let extended = self.extend(lease, now) else { return [] }
      return [.extend([extended])]
    case .answered(let lease, let sentAt, let timeToLive, let answer):
      return self.answered(lease, sentAt, timeToLive, answer, now)
    case .tick: return self.tick(now)
    }
  }

  private mutating func tick(_ now: ContinuousClock.Instant) -> [RenewalAction] {
    // An alarm that was set for later than the next one rings all the same: that one is still to come.
    if !self.rules.keepsNextAlarm || (self.wakeAt.map { $0 <= now } ?? false) { self.wakeAt = nil }
    var actions: [RenewalAction] = []
    var extensions: [RenewalAction.Extension] = []
    // What would be due soon goes along.
    let horizon = now.advanced(by: self.rules.timeToLive / 12)
    for (lease, entry) in self.entries {
      if entry.deadline <= now {
        self.entries[lease] = nil
        actions.append(.expire(lease: lease))
      } else if let due = entry.due, due <= horizon, entry.outstanding == 0 {
        if let extended = self.extend(lease, now) { extensions.append(extended) }
      }
    }
    if !extensions.isEmpty { actions.append(.extend(extensions)) }
    let next = self.entries.values.lazy.map { entry in
      entry.outstanding == 0 ? min(entry.due ?? entry.deadline, entry.deadline) : entry.deadline
    }.min()
    if let next { actions += self.wake(at: next) }
    return actions
  }

  /// - Returns: nil if the lease is not to be extended any further.
  private mutating func extend(_ lease: UInt64, _ now: ContinuousClock.Instant) -> RenewalAction.Extension? {
    guard var entry = self.entries[lease] else { return nil }
    var timeToLive = self.rules.timeToLive
    // Less than what it has would take time away, and a trifle is not worth a request.
    var least = entry.deadline
    if let holdUntil = entry.holdUntil, now.duration(to: holdUntil) < timeToLive {
      timeToLive = now.duration(to: holdUntil)
      least = least.advanced(by: LeaseTime.drift(self.rules.timeToLive))
    }
    guard LeaseTime.deadline(sentAt: now, timeToLive: timeToLive) > least else {
      self.entries[lease]?.due = nil
      return nil
    }
    entry.outstanding += 1
    self.entries[lease] = entry
    return RenewalAction.Extension(lease: lease, timeToLive: timeToLive)
  }

  private mutating func answered(
    _ lease: UInt64,
    _ sentAt: ContinuousClock.Instant,
    _ timeToLive: Duration,
    _ answer: ExtensionAnswer,
    _ now: ContinuousClock.Instant
  ) -> [RenewalAction] {
    guard var entry = self.entries[lease] else { return [] }
    entry.outstanding -= 1
    if now >= entry.deadline, self.rules.staysLost {
      self.entries[lease] = nil
      return [.expire(lease: lease)]
    }
    switch answer {
    case .lost:
      self.entries[lease] = nil
      return [.lose(lease: lease)]
    case .extended:
      let start = self.rules.countsFromSending ? sentAt : now
      entry.deadline = max(entry.deadline, LeaseTime.deadline(sentAt: start, timeToLive: timeToLive))
      if self.rules.renews { entry.due = sentAt.advanced(by: timeToLive / 3) }
      self.entries[lease] = entry
      return [.advance(lease: lease, deadline: entry.deadline)]
        + self.wake(at: min(entry.due ?? entry.deadline, entry.deadline))
    case .unknown:
      let pause = max(.milliseconds(5), min(self.rules.timeToLive / 12, .milliseconds(500)))
      entry.due = self.rules.renews && self.rules.retries ? now.advanced(by: pause) : nil
      self.entries[lease] = entry
      return self.wake(at: min(entry.due ?? entry.deadline, entry.deadline))
    }
  }

  private mutating func wake(at instant: ContinuousClock.Instant) -> [RenewalAction] {
    if let wakeAt = self.wakeAt, wakeAt <= instant { return [] }
    self.wakeAt = instant
    return [.wake(at: instant)]
  }
}

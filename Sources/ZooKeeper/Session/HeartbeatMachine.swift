/// Works out until when a session cannot expire, from heartbeats that the client sends by itself.
///
/// Pure: the caller passes the time in. Heartbeats are one at a time, so an answer needs no number to be matched but to be
/// told from that of an earlier connection.
///
/// Why an answer alone proves nothing: a follower counts a client's requests as signs of life by itself and tells the leader,
/// who decides on expiry, only with the next ping relay, up to half a tick later. Replies and relays share one ordered link.
/// So heartbeat A is proven once a later heartbeat, sent at least a sixth of the timeout after A's answer, has been answered
/// on the same connection.
package struct HeartbeatMachine: Sendable {
  package typealias Instant = ContinuousClock.Instant

  /// The constants of the proof, so that tests can show that each matters.
  package struct Rules: Sendable {
    /// Heartbeats per session timeout.
    package var beatsPerTimeout = 12
    /// A later heartbeat proves an earlier one if it was sent at least timeout / `gapDivisor` after the earlier one's answer.
    package var gapDivisor = 6
    /// The part of a timeout that clocks may drift apart: timeout / `driftDivisor`, plus `driftConstant`.
    package var driftDivisor = 100
    package var driftConstant = Duration.milliseconds(2)
    /// A new session that leaves less than timeout / `freshDivisor` is not counted from its start, but proven by heartbeats.
    package var freshDivisor = 3
    /// A new connection proves something only with the first good answer over it.
    package var awaitsConfirmation = true
    /// A new connection proves no heartbeat that has not been answered or given up.
    package var skipsOpenBeat = true
    /// A timeout below the least one proves nothing.
    package var heedsLeastTimeout = true

    package init() {}
  }

  /// A heartbeat to be sent now.
  package struct Beat: Sendable, Equatable {
    package let id: UInt64
    package let sentAt: Instant
  }

  struct Answered {
    let sentAt: Instant
    let answeredAt: Instant
  }

  private let rules: Rules
  /// When the session was asked for: it cannot be older at the server.
  private let openedAt: Instant
  /// The shortest timeout with which anything can be proven: four ticks of the servers, so that a relay to the leader lies between
  /// two heartbeats that are a sixth of the timeout apart.
  private let leastTimeout: Duration
  /// The smallest timeout negotiated so far; nil before the first connection.
  private(set) package var timeout: Duration?
  private(set) package var isConnected = false
  private(set) var outstanding: Beat?
  private(set) var lastSentAt: Instant?
  private var nextID: UInt64 = 1
  /// Good answers on the present connection that are not proven yet, oldest first.
  private(set) var candidates: [Answered] = []
  /// When the newest heartbeat was sent whose answer, good or bad, has come.
  private(set) var newestAnswered: Instant?
  /// What the present connection proves once it has carried a good answer.
  private(set) var unconfirmed: Instant?
  /// The newest instant at which the servers are known to have counted the session as alive, at the earliest.
  private(set) var proven: Instant?

  package init(openedAt: Instant, leastTimeout: Duration = .zero, rules: Rules = Rules()) {
    self.openedAt = openedAt
    self.leastTimeout = leastTimeout
    self.rules = rules
  }

  /// Until when the session cannot expire; nil if nothing is proven.
  package var deadline: Instant? {
    guard let proven = self.proven, let timeout = self.timeout else { return nil }
    return proven + timeout - (timeout / self.rules.driftDivisor + self.rules.driftConstant)
  }

  /// Whether the session's timeout is too short for anything to be proven. It stays so: the smallest timeout counts.
  package var isTooShort: Bool {
    guard let timeout = self.timeout, self.rules.heedsLeastTimeout else { return false }
    return timeout < self.leastTimeout
  }

  /// The time from one heartbeat to the next; nil before the first connection.
  package var interval: Duration? { self.timeout.map { $0 / self.rules.beatsPerTimeout } }

  /// When ``tick(now:)`` should be called next; nil if only an event can bring more.
  package var nextBeat: Instant? {
    guard self.isConnected, self.outstanding == nil, let interval = self.interval else { return nil }
    return self.lastSentAt.map { $0 + interval } ?? self.openedAt
  }

  /// The session is connected, for the first time or again.
  ///
  /// - Returns: Whether ``deadline`` may have moved.
  package mutating func connected(timeout: Duration, now: Instant) -> Bool {
    let isFirst = self.timeout == nil
    self.timeout = min(self.timeout ?? timeout, timeout)
    self.isConnected = true
    self.candidates = []
    // A fresh connection starts with a heartbeat, so that proofs come as early as they can.
    self.lastSentAt = nil
    guard !self.isTooShort else { return false }
    if isFirst {
      self.proven = self.openedAt
      if let deadline = self.deadline, deadline - now < timeout / self.rules.freshDivisor { self.proven = nil }
      return self.proven != nil
    }
    // The servers have looked at the session for this connection, after the old one was given up. What had been sent over the
    // old one has been answered or given up before that; a heartbeat still open may have been sent later than the look. But a
    // leader looks without asking the others, and may have been deposed: the first good answer over this connection tells.
    let newest = self.rules.skipsOpenBeat ? self.newestAnswered : self.outstanding?.sentAt ?? self.newestAnswered
    guard self.rules.awaitsConfirmation else { return self.prove(newest) }
    self.unconfirmed = newest
    return false
  }

  /// The connection is gone.
  package mutating func disconnected() {
    self.isConnected = false
    self.candidates = []
    self.unconfirmed = nil
  }

  /// Time passes.
  ///
  /// - Returns: A heartbeat to send, if one is due. Its time is `now`, so the clock must be read before the request is made.
  package mutating func tick(now: Instant) -> Beat? {
    guard let due = self.nextBeat, now >= due else { return nil }
    let beat = Beat(id: self.nextID, sentAt: now)
    self.nextID += 1
    self.outstanding = beat
    self.lastSentAt = now
    return beat
  }

  /// A heartbeat could not be sent.
  package mutating func refused(_ id: UInt64) {
    if self.outstanding?.id == id { self.outstanding = nil }
  }

  /// A heartbeat's answer has come, or its failure.
  ///
  /// - Parameters:
  ///   - id: The heartbeat.
  ///   - isGood: Whether the servers answered as they must.
  ///   - now: An instant not before the answer's arrival.
  /// - Returns: Whether ``deadline`` has moved.
  package mutating func answered(_ id: UInt64, isGood: Bool, now: Instant) -> Bool {
    guard let beat = self.outstanding, beat.id == id else { return false }
    self.outstanding = nil
    self.newestAnswered = beat.sentAt
    guard isGood, self.isConnected, !self.isTooShort, let timeout = self.timeout else { return false }
    let isConfirmed = self.prove(self.unconfirmed)
    self.unconfirmed = nil
    let gap = timeout / self.rules.gapDivisor
    let provenCount = self.candidates.prefix { $0.answeredAt + gap <= beat.sentAt }.count
    let newlyProven = provenCount > 0 ? self.candidates[provenCount - 1].sentAt : nil
    self.candidates.removeFirst(provenCount)
    self.candidates.append(Answered(sentAt: beat.sentAt, answeredAt: now))
    return self.prove(newlyProven) || isConfirmed
  }

  private mutating func prove(_ instant: Instant?) -> Bool {
    guard let instant, self.proven.map({ instant > $0 }) ?? true else { return false }
    self.proven = instant
    return true
  }
}

#if Etcd
/// How one client keeps one lease alive, and begins with another when it is over.
///
/// Pure: events and the time in, actions out. The deadline is that of the newest keep-alive that was answered, counted from
/// when it was sent, by the time to live that the answer gave: the server's own clock for the lease cannot have started
/// before. A stream whose answer is overdue is replaced, by one to another member where there is one, long before the
/// deadline. A lease whose deadline has passed is never used again, whatever the server still says of it.
package struct SessionMachine: Sendable {
  /// The rules that keep the deadline honest, each for itself: tests break one at a time and see that it is missed.
  package struct Rules: Sendable {
    /// The deadline counts from when a keep-alive was sent, not from when it was answered.
    package var countsFromSend = true
    /// The time to live is what the server returned, not what was asked for.
    package var usesReturnedTime = true
    /// A lease whose deadline has passed is over, though a late answer says otherwise.
    package var endsAtDeadline = true
    /// A stream that does not answer is replaced before the deadline.
    package var replacesSilentStreams = true
    /// A session whose term has ended is over, though the machine has moved its deadline since.
    package var heedsEndedTerms = true

    package init() {}
  }

  package enum Event: Sendable {
    case started
    case granted(attempt: UInt64, lease: Int64, timeToLive: Duration)
    case grantFailed(attempt: UInt64)
    /// The oldest keep-alive of the stream has been answered.
    case kept(stream: UInt64, timeToLive: Duration)
    case streamEnded(stream: UInt64)
    /// The servers say that the lease is gone: revoked, or expired.
    case leaseGone(lease: Int64)
    /// The term that holders rest on has ended: its deadline passed before it was moved, for example because the process stood
    /// still in between. It does not revive, whatever the servers still say of the lease.
    case termEnded(lease: Int64)
    /// The time for which a wake-up was asked for has come.
    case woken
    case closed
  }

  package enum Action: Hashable, Sendable {
    /// Ask for a lease.
    case grant(attempt: UInt64)
    /// A session has begun.
    case begin(lease: Int64, deadline: ContinuousClock.Instant)
    case extend(lease: Int64, deadline: ContinuousClock.Instant)
    /// The session is over.
    case end(lease: Int64, reason: String)
    /// See to it that the keys of a session that is over vanish soon.
    case revoke(lease: Int64)
    case openStream(UInt64)
    case closeStream(UInt64)
    case send(stream: UInt64, lease: Int64)
    /// The connection in use has been silent for too long.
    case suspectConnection
  }

  struct Stream: Sendable {
    let number: UInt64
    /// When each keep-alive was sent that has not been answered, oldest first: answers come in this order.
    var unanswered: [ContinuousClock.Instant] = []
    var lastSend: ContinuousClock.Instant
  }

  struct Live: Sendable {
    let lease: Int64
    var timeToLive: Duration
    var deadline: ContinuousClock.Instant
    var stream: Stream?
    /// When to open a stream if there is none.
    var reopenAt: ContinuousClock.Instant
  }

  enum Phase: Sendable {
    case idle
    case granting(attempt: UInt64, sentAt: ContinuousClock.Instant)
    case pausing(until: ContinuousClock.Instant)
    case live(Live)
    case closed
  }

  private(set) var phase = Phase.idle
  private var nextAttempt: UInt64 = 1
  private var nextStream: UInt64 = 1
  private var failures = 0
  private let requested: Duration
  private let rules: Rules

  /// - Parameter requested: The time to live that is asked for.
  package init(requested: Duration, rules: Rules = Rules()) {
    self.requested = requested
    self.rules = rules
  }

  /// When to be woken next; nil if only an event can change anything.
  package var wakeAt: ContinuousClock.Instant? {
    switch self.phase {
    case .idle, .granting, .closed: return nil
    case .pausing(let until): return until
    case .live(let live):
      guard let stream = live.stream else { return min(live.deadline, live.reopenAt) }
      let next = stream.unanswered.first.map { $0 + Self.patience(live) } ?? (stream.lastSend + Self.interval(live))
      return min(live.deadline, next)
    }
  }

  /// Whether a keep-alive is overdue.
  package func isSilent(at now: ContinuousClock.Instant) -> Bool {
    guard case .live(let live) = self.phase else { return true }
    guard let oldest = live.stream?.unanswered.first else { return live.stream == nil }
    return now - oldest > Self.patience(live)
  }

  package mutating func handle(_ event: Event, at now: ContinuousClock.Instant) -> [Action] {
    switch event {
    case .started:
      guard case .idle = self.phase else { return [] }
      return self.grant(now)
    case .granted(let attempt, let lease, let timeToLive): return self.granted(attempt, lease, timeToLive, now)
    case .grantFailed(let attempt):
      guard case .granting(attempt, _) = self.phase else { return [] }
      self.failures += 1
      self.phase = .pausing(until: now + .milliseconds(min(1000, 20 << min(self.failures, 8))))
      return []
    case .kept(let stream, let timeToLive): return self.kept(stream, timeToLive, now)
    case .streamEnded(let number):
      guard case .live(var live) = self.phase, live.stream?.number == number else { return [] }
      live.stream = nil
      live.reopenAt = now + Self.pause(live)
      self.phase = .live(live)
      return []
    case .leaseGone(let lease):
      guard case .live(let live) = self.phase, live.lease == lease else { return [] }
      return self.end(live, "the servers say that its lease is gone: it expired, or somebody revoked it", now)
    case .termEnded(let lease):
      guard self.rules.heedsEndedTerms else { return self.woken(now) }
      guard case .live(let live) = self.phase, live.lease == lease else { return [] }
      return self.expire(live, now)
    case .woken: return self.woken(now)
    case .closed:
      defer { self.phase = .closed }
      guard case .live(let live) = self.phase else { return [] }
      return Self.close(live.stream) + [
        .end(lease: live.lease, reason: "the client was closed"), .revoke(lease: live.lease),
      ]
    }
  }

  /// Whether the client was closed by its owner.
  var isClosed: Bool {
    if case .closed = self.phase { true } else { false }
  }

  // MARK: Steps

  private mutating func grant(_ now: ContinuousClock.Instant) -> [Action] {
    let attempt = self.nextAttempt
    self.nextAttempt += 1
    self.phase = .granting(attempt: attempt, sentAt: now)
    return [.grant(attempt: attempt)]
  }

  private mutating func granted(
    _ attempt: UInt64,
    _ lease: Int64,
    _ timeToLive: Duration,
    _ now: ContinuousClock.Instant
  ) -> [Action] {
    guard case .granting(attempt, let sentAt) = self.phase else { return [.revoke(lease: lease)] }
    let time = self.rules.usesReturnedTime ? timeToLive : self.requested
    let deadline = Self.deadline(from: self.rules.countsFromSend ? sentAt : now, time)
    guard now < deadline else {
      // So slow that the lease may be over: another.
      return self.grant(now) + [.revoke(lease: lease)]
    }
    self.failures = 0
    let live = Live(lease: lease, timeToLive: time, deadline: deadline, stream: nil, reopenAt: now)
    self.phase = .live(live)
    return [.begin(lease: lease, deadline: deadline)] + self.woken(now)
  }

  private mutating func kept(
    _ number: UInt64,
    _ timeToLive: Duration,
    _ now: ContinuousClock.Instant
  ) -> [Action] {
    guard case .live(var live) = self.phase, var stream = live.stream, stream.number == number else { return [] }
    guard !stream.unanswered.isEmpty else { return [] }
    let sentAt = stream.unanswered.removeFirst()
    guard timeToLive > .zero else {
      return self.end(live, "the servers say that its lease is gone: it expired, or somebody revoked it", now)
    }
    if self.rules.endsAtDeadline, now >= live.deadline { return self.expire(live, now) }
    if self.rules.usesReturnedTime { live.timeToLive = timeToLive }
    let deadline = Self.deadline(from: self.rules.countsFromSend ? sentAt : now, live.timeToLive)
    live.deadline = max(live.deadline, deadline)
    live.stream = stream
    self.failures = 0
    self.phase = .live(live)
    return [.extend(lease: live.lease, deadline: live.deadline)]
  }

  private mutating func woken(_ now: ContinuousClock.Instant) -> [Action] {
    switch self.phase {
    case .idle, .granting, .closed: return []
    case .pausing(let until): return now >= until ? self.grant(now) : []
    case .live(var live):
      if self.rules.endsAtDeadline, now >= live.deadline { return self.expire(live, now) }
      guard var stream = live.stream else {
        guard now >= live.reopenAt else { return [] }
        return self.openStream(&live, now)
      }
      if let oldest = stream.unanswered.first {
        guard self.rules.replacesSilentStreams, now >= oldest + Self.patience(live) else { return [] }
        self.failures += 1
        return [.closeStream(stream.number), .suspectConnection] + self.openStream(&live, now)
      }
      guard now >= stream.lastSend + Self.interval(live) else { return [] }
      stream.unanswered.append(now)
      stream.lastSend = now
      live.stream = stream
      self.phase = .live(live)
      return [.send(stream: stream.number, lease: live.lease)]
    }
  }

  private mutating func openStream(_ live: inout Live, _ now: ContinuousClock.Instant) -> [Action] {
    let number = self.nextStream
    self.nextStream += 1
    live.stream = Stream(number: number, unanswered: [now], lastSend: now)
    self.phase = .live(live)
    return [.openStream(number), .send(stream: number, lease: live.lease)]
  }

  private mutating func expire(_ live: Live, _ now: ContinuousClock.Instant) -> [Action] {
    let isUnanswered = live.stream.map { !$0.unanswered.isEmpty } ?? false
    // What has left a keep-alive unanswered is not asked for the next lease.
    let suspicion: [Action] = isUnanswered ? [.suspectConnection] : []
    return suspicion + self.end(live, "its deadline passed before the servers confirmed that the client was alive", now)
  }

  private mutating func end(_ live: Live, _ reason: String, _ now: ContinuousClock.Instant) -> [Action] {
    Self.close(live.stream)
      + [.end(lease: live.lease, reason: reason), .revoke(lease: live.lease)] + self.grant(now)
  }

  private static func close(_ stream: Stream?) -> [Action] { stream.map { [.closeStream($0.number)] } ?? [] }

  /// Counted from when a request was sent, less an allowance for clocks that do not run at quite the same rate.
  private static func deadline(from sentAt: ContinuousClock.Instant, _ time: Duration) -> ContinuousClock.Instant {
    sentAt + time - time / 100 - .milliseconds(2)
  }

  private static func interval(_ live: Live) -> Duration { live.timeToLive / 3 }

  /// How long an answer may take until its stream is replaced.
  private static func patience(_ live: Live) -> Duration { live.timeToLive / 6 }

  /// Between the end of a stream and the next, so that members that all refuse are not asked without pause.
  private static func pause(_ live: Live) -> Duration { min(live.timeToLive / 40, .milliseconds(100)) }
}
#endif

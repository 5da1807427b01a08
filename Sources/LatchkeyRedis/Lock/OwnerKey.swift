/// What one server answered to a request for the lock, reduced to what it means for the owner's key there.
package enum KeyReply: Hashable, Sendable {
  /// Our key stands there.
  case planted
  /// Another's key stands there.
  case othersStands
  case failed(RequestFailure)
}

/// Why a request has no answer, reduced to what decisions need.
package enum RequestFailure: Hashable, Sendable {
  /// The request was not carried out: it was never sent, or the server could not or would not do it.
  case notDone
  /// The request may have been carried out, or may be yet.
  case inDoubt
}

/// What one server answered to a release.
package enum ReleaseReply: Hashable, Sendable {
  /// Our key was there and is deleted; how many subscribers were notified.
  case freed(notified: Int)
  /// There was no key of ours.
  case gone
  /// The outcome is unknown, or it may succeed if it is sent again.
  case failed
  /// It was not carried out, and will not be if it is sent again.
  case refused
}

/// What is known of a release when its caller goes on.
package enum ReleaseResult: Hashable, Sendable {
  /// The servers have forgotten us.
  case released
  /// What had been granted was not there any more when it was released for the first time.
  case lost
  /// It is not confirmed: the keys stand until they are deleted or run out.
  case pending
}

/// One owner's key at one server, from the request that plants it to its deletion: a pure state machine.
///
/// A release goes out behind the answer to what is in flight, so that a slow request does not outlive it, and is sent again until it is
/// confirmed or the key has run out. Where a request may arrive late, on a connection that was given up, it is sent twice.
package struct OwnerKey: Sendable {
  /// What the promises rest on; a mutant is a changed rule.
  package struct Rules: Sendable {
    /// Where a request may arrive late, on a connection that has been given up, its release is sent twice.
    package var sweeps = true
    /// A repeated release that finds no key proves nothing: the first one may have been carried out.
    package var mindsRepeatedReleases = true

    package init() {}
  }

  enum Release: Hashable {
    case none
    case sending
    /// To be sent again; whether it has been carried out at least once.
    case waiting(isDone: Bool)
    /// Nothing is left to be done, or would help.
    case settled(isDone: Bool)
  }

  /// What the first release has shown.
  enum Finding: Hashable {
    case freed
    /// No key of ours was there.
    case gone
  }

  private let rules: Rules
  private let timeToLive: Duration
  private(set) var isPending = false
  private(set) var reply: KeyReply?
  /// A request may still arrive that nobody waits for.
  private(set) var isDoubtful = false
  /// Our key was planted there once, though perhaps too late to count.
  private(set) var isPlanted = false
  private(set) var release = Release.none
  /// A release has been sent whose outcome is unknown.
  private(set) var isReleaseDoubtful = false
  private(set) var finding: Finding?

  init(timeToLive: Duration, rules: Rules) {
    self.timeToLive = timeToLive
    self.rules = rules
  }

  /// Whether nothing is in flight, or left to be sent.
  var isOver: Bool {
    if case .settled = self.release { return !self.isPending }
    return false
  }

  /// Whether the release was carried out; nil while it is not known.
  var isDone: Bool? {
    switch self.release {
    case .none, .sending: nil
    case .waiting(let isDone), .settled(let isDone): isDone
    }
  }

  mutating func asked() {
    self.isPending = true
    self.reply = nil
  }

  mutating func answered(_ reply: KeyReply) {
    self.isPending = false
    self.reply = reply
    switch reply {
    case .planted: self.isPlanted = true
    case .failed(.inDoubt): self.isDoubtful = true
    case .othersStands, .failed(.notDone): break
    }
  }

  /// The key is not wanted, or no longer.
  ///
  /// - Returns: Whether a release must be sent.
  mutating func sendRelease() -> Bool {
    // Nothing of ours can be there if nothing was ever carried out, also of what was asked before by the same owner.
    if self.reply == .failed(.notDone), !self.isDoubtful, !self.isPlanted {
      self.release = .settled(isDone: true)
      self.finding = .gone
      return false
    }
    self.release = .sending
    return true
  }

  /// The time has come to send a release again.
  ///
  /// - Returns: Whether it must be sent.
  mutating func retryRelease() -> Bool {
    guard case .waiting(let isDone) = self.release else { return false }
    guard self.sendRelease() else { return false }
    if isDone { self.isDoubtful = false }
    return true
  }

  /// The server has answered a release, or will not.
  ///
  /// - Parameter until: When nothing that was planted can still stand.
  /// - Returns: When to send it again; nil if that is not needed.
  mutating func released(
    _ reply: ReleaseReply,
    until: ContinuousClock.Instant?,
    at now: ContinuousClock.Instant
  ) -> Duration? {
    switch reply {
    case .freed:
      self.finding = .freed
      return self.carriedOut()
    case .gone:
      let isFirst = !self.isReleaseDoubtful || !self.rules.mindsRepeatedReleases
      if isFirst, self.finding == nil { self.finding = .gone }
      return self.carriedOut()
    case .refused:
      self.release = .settled(isDone: false)
      return nil
    case .failed: break
    }
    self.isReleaseDoubtful = true
    guard let until, now < until else {
      self.release = .settled(isDone: true)
      return nil
    }
    self.release = .waiting(isDone: false)
    return max(Self.shortestRetry, min(self.timeToLive / 10, Self.longestRetry))
  }

  private mutating func carriedOut() -> Duration? {
    guard self.isDoubtful, self.rules.sweeps else {
      self.release = .settled(isDone: true)
      return nil
    }
    self.release = .waiting(isDone: true)
    return Self.sweepDelay
  }

  /// How long after a release something may arrive from a connection that was given up.
  static let sweepDelay = Duration.seconds(1)
  private static let shortestRetry = Duration.milliseconds(5)
  private static let longestRetry = Duration.milliseconds(500)
}

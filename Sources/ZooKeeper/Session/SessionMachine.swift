/// Decides which session a client has and what its state is.
///
/// Pure. Sessions are numbered from 1; what is heard about a session that is no longer the present one changes nothing but
/// the count of those still to be closed.
package struct SessionMachine: Sendable {
  package enum Phase: Sendable, Equatable {
    case idle
    case connecting
    case connected
    case suspended
    /// Waits for open sessions to be closed.
    case closing
    case closed
  }

  package enum Action: Sendable, Equatable {
    /// Open the session of that number, away from the C client's threads.
    case open(UInt64)
    /// Close the session of that number and report ``SessionMachine/sessionClosed(_:)``.
    case close(UInt64)
    /// Tell whoever follows the states.
    case publish(SessionState)
    /// The session is connected, for the first time or again.
    case sessionConnected(UInt64)
    case sessionSuspended(UInt64)
    /// The session is over.
    case sessionEnded(UInt64, ZooKeeperCode)
    /// No new session will come, for this reason.
    case stop(ZooKeeperCode)
    /// Nothing is open any more.
    case finished
  }

  private(set) package var phase = Phase.idle
  /// The present session, or the last one.
  private(set) package var generation: UInt64 = 0
  /// What a new follower of the states is told first.
  private(set) package var state = SessionState.connecting
  /// Sessions that were opened and not reported as closed.
  private var open: Set<UInt64> = []

  package init() {}

  /// Begins; does nothing on a client that was closed before.
  package mutating func start() -> [Action] {
    guard self.phase == .idle else { return [] }
    return self.next()
  }

  /// A session is about to be opened.
  ///
  /// - Returns: Whether it is still wanted.
  package mutating func opening(_ generation: UInt64) -> Bool {
    guard generation == self.generation, self.phase == .connecting else { return false }
    return self.open.insert(generation).inserted
  }

  /// A session could not be opened (the system has no thread or socket to give): the caller tries again later if it is told to.
  package mutating func openFailed(_ generation: UInt64) -> [Action] {
    self.open.remove(generation)
    if self.phase == .closing { return self.finishIfDone() }
    guard generation == self.generation, self.phase == .connecting else { return [] }
    return [.open(generation)]
  }

  package mutating func connected(_ generation: UInt64) -> [Action] {
    guard self.isPresent(generation) else { return [] }
    var actions: [Action] = []
    // The C client can change servers without a word.
    if self.phase == .connected { actions = self.disconnected(generation) }
    self.phase = .connected
    return actions + [.sessionConnected(generation)] + self.publish(.connected)
  }

  package mutating func disconnected(_ generation: UInt64) -> [Action] {
    guard self.isPresent(generation), self.phase == .connected else { return [] }
    self.phase = .suspended
    return [.sessionSuspended(generation)] + self.publish(.suspended)
  }

  package mutating func expired(_ generation: UInt64) -> [Action] {
    guard self.isPresent(generation) else { return [] }
    var actions = self.disconnected(generation)
    actions += [.close(generation), .sessionEnded(generation, .sessionExpired)]
    // A session that never was connected cannot expire for those who follow: they see it connecting all along.
    if self.phase == .suspended { actions += self.publish(.expired) }
    return actions + self.next()
  }

  package mutating func authenticationFailed(_ generation: UInt64) -> [Action] {
    guard self.isPresent(generation) else { return [] }
    return self.publish(.authenticationFailed) + self.stop(because: .authFailed)
  }

  /// The servers are not what the configuration takes them for.
  package mutating func refused(_ generation: UInt64) -> [Action] {
    guard self.isPresent(generation) else { return [] }
    return self.stop(because: .invalidConfiguration)
  }

  package mutating func close() -> [Action] {
    guard self.phase != .closing, self.phase != .closed else { return [] }
    return self.stop(because: .closed)
  }

  package mutating func sessionClosed(_ generation: UInt64) -> [Action] {
    self.open.remove(generation)
    return self.phase == .closing ? self.finishIfDone() : []
  }

  private func isPresent(_ generation: UInt64) -> Bool {
    guard generation == self.generation else { return false }
    switch self.phase {
    case .connecting, .connected, .suspended: return true
    case .idle, .closing, .closed: return false
    }
  }

  private mutating func next() -> [Action] {
    self.generation += 1
    self.phase = .connecting
    return self.publish(.connecting) + [.open(self.generation)]
  }

  private mutating func stop(because reason: ZooKeeperCode) -> [Action] {
    let hasSession = self.phase != .idle && self.open.contains(self.generation)
    self.phase = .closing
    var actions: [Action] = hasSession ? [.close(self.generation), .sessionEnded(self.generation, reason)] : []
    actions.append(.stop(reason))
    return actions + self.finishIfDone()
  }

  private mutating func finishIfDone() -> [Action] {
    guard self.open.isEmpty else { return [] }
    self.phase = .closed
    return self.publish(.closed) + [.finished]
  }

  private mutating func publish(_ state: SessionState) -> [Action] {
    // The very first state is `connecting`, which needs no news.
    guard state != self.state else { return [] }
    self.state = state
    return [.publish(state)]
  }
}

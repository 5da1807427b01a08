internal import CZooKeeper
package import LatchkeyPrimitives
internal import Synchronization

extension ZKSession {
  /// The stretch of time for which the session is proven to live. It may be over already: while the session lives, a new one
  /// begins with the next proof, see ``onLiveTerm(_:)``.
  package var term: Term { self.state.withLock { $0.term } }

  /// Calls a closure once with a live term: at once if there is one, else when the next proof has come; with nil if the
  /// session is over, or too short for a proof (``isTooShortToProve``).
  package func onLiveTerm(_ closure: @escaping @Sendable (Term?) -> Void) {
    while true {
      let term = self.term
      if term.isLive {
        closure(term)
        return
      }
      enum Outcome {
        case waits
        case isOver
        case hasNewTerm
      }
      let outcome = self.state.withLock { state -> Outcome in
        if state.end != nil || state.heartbeat.isTooShort { return .isOver }
        if state.term !== term { return .hasNewTerm }
        state.termWaiters.append(closure)
        return .waits
      }
      switch outcome {
      case .waits: return
      case .isOver:
        closure(nil)
        return
      case .hasNewTerm: continue
      }
    }
  }

  /// Says that a lease rests on the session, or a contender waits: heartbeats are then answered by a majority of servers.
  package func retainInterest() {
    self.interest.wrappingAdd(1, ordering: .relaxed)
  }

  /// Takes back one ``retainInterest()``.
  package func releaseInterest() {
    self.interest.wrappingSubtract(1, ordering: .relaxed)
  }

  /// Calls a closure once, on the timer thread, right after the next heartbeat was sent; not at all if the session ends first.
  ///
  /// - Returns: A number for ``cancelHeartbeatHook(_:)``.
  package func onNextHeartbeat(_ closure: @escaping @Sendable () -> Void) -> UInt64 {
    // A session that has ended sends no heartbeat: the closure is dropped, and the number is no closure's.
    self.state.withLock { state in state.end == nil ? state.heartbeatHooks.add(closure) : 0 }
  }

  /// Forgets a closure that has not been called yet.
  package func cancelHeartbeatHook(_ id: UInt64) {
    self.state.withLock { state in _ = state.heartbeatHooks.remove(id) }
  }

  /// What the timer thread does for the session: sends a heartbeat that is due, and tells a term that its deadline has passed.
  ///
  /// - Returns: When it should be called again; nil if only an event can bring more.
  func tick() -> ContinuousClock.Instant? {
    let now = ContinuousClock.now
    if czk_is_broken(self.pointer), self.state.withLock({ $0.end == nil }) { self.signal(self, .broken) }
    let (beat, hooks) = self.state.withLock { state -> (HeartbeatMachine.Beat?, [@Sendable () -> Void]) in
      guard state.end == nil, let beat = state.heartbeat.tick(now: now) else { return (nil, []) }
      return (beat, state.heartbeatHooks.removeAll())
    }
    if let beat { self.send(beat) }
    for hook in hooks { hook() }
    let (term, nextBeat, interval) = self.state.withLock {
      ($0.term, $0.end == nil ? $0.heartbeat.nextBeat : nil, $0.heartbeat.interval)
    }
    // The handlers of a term that is over are called here, in time, and nowhere that somebody only asks.
    guard term.expire() else { return nextBeat }
    // Never long: the timer's clock stands still while the machine sleeps, and the deadline's does not.
    let latest = interval.map { now + $0 } ?? term.deadline
    return min(nextBeat ?? latest, term.deadline, latest)
  }

  /// The parent does not exist, so the answer is "no node" before any access control is looked at, and nothing is written.
  private static let absentPath = "/_latchkey_heartbeat_never/exists"

  private func send(_ beat: HeartbeatMachine.Beat) {
    let needsQuorum = self.options.heartbeat == .quorum && self.interest.load(ordering: .relaxed) > 0
    let goodCode = needsQuorum ? ZooKeeperCode.noNode : .ok
    let code = Completion.submit { [weak self] reply in
      self?.answered(beat, isGood: reply.code == goodCode)
    } _: { context in
      needsQuorum
        ? czk_delete(self.pointer, Self.absentPath, -1, completionAnswered, context)
        : czk_sync(self.pointer, "/", completionAnswered, context)
    }
    if code != .ok { self.state.withLock { $0.heartbeat.refused(beat.id) } }
  }

  private func answered(_ beat: HeartbeatMachine.Beat, isGood: Bool) {
    let now = ContinuousClock.now
    let deadline = self.state.withLock { state -> ContinuousClock.Instant? in
      if isGood { state.breaker.answered() }
      return state.heartbeat.answered(beat.id, isGood: isGood, now: now) ? state.heartbeat.deadline : nil
    }
    if let deadline { self.prove(until: deadline) }
    self.wakeTimer()
  }

  /// Moves the term forward, or begins a new one if it is over: a deadline that has passed is never revived.
  ///
  /// Called on the completion thread alone, so proofs do not overtake each other.
  func prove(until deadline: ContinuousClock.Instant) {
    let old = self.term
    if old.advance(to: deadline) { return }
    // The timer thread only looks at the present term.
    old.expire()
    if deadline <= .now { return }
    let begun = self.state.withLock { state -> (term: Term, waiters: [@Sendable (Term?) -> Void])? in
      guard state.end == nil else { return nil }
      let term = Term(deadline: deadline)
      state.term = term
      defer { state.termWaiters = [] }
      return (term, state.termWaiters)
    }
    guard let begun else { return }
    for waiter in begun.waiters { waiter(begun.term) }
  }
}

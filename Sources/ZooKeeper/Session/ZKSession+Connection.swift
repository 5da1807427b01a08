internal import CZooKeeper
internal import LatchkeyPrimitives

extension ZKSession {
  /// The C client says that the session's state has changed.
  func changed(to newState: Int32, id: Int64, timeout: Duration) {
    switch newState {
    case Int32(CZK_STATE_CONNECTED): self.connected(id: id, timeout: timeout)
    case Int32(CZK_STATE_EXPIRED): self.signal(self, .expired)
    case Int32(CZK_STATE_AUTH_FAILED): self.signal(self, .authenticationFailed)
    default:
      self.state.withLock { state in
        state.isConnected = false
        state.awaitsLook = false
        state.heartbeat.disconnected()
      }
      self.signal(self, .disconnected)
    }
  }

  private func connected(id: Int64, timeout: Duration) {
    // Credentials go first: requests of those who hear of the connection come behind them.
    let isWanted = self.state.withLock { $0.end == nil }
    // Lost between connecting and here: the next connection repeats it.
    if isWanted, !self.presentCredentials() { return }
    let now = ContinuousClock.now
    var news = News()
    self.state.withLock { state in
      guard state.end == nil else { return }
      state.id = id
      state.isConnected = true
      state.awaitsLook = self.options.refusesStandaloneServer && !state.hasLookedForEnsemble
      news.awaitsLook = state.awaitsLook
      news.isProven = state.heartbeat.connected(timeout: timeout, now: now)
      news.deadline = state.heartbeat.deadline
      let bytes = state.budget.watchBytes
      // While a lease may still be held, there is something to lose by it.
      if state.breaker.connected(), bytes > self.options.pathLimits.ownNodeWatches, !state.term.isLive {
        news.stuckBytes = bytes
      }
      if state.heartbeat.isTooShort { (news.hopeless, state.termWaiters) = (state.termWaiters, []) }
    }
    for waiter in news.hopeless { waiter(nil) }
    if let stuckBytes = news.stuckBytes { return self.signal(self, .stuck(watchBytes: stuckBytes)) }
    // A smaller timeout than before counts at once, also for what was proven with the old one.
    if let deadline = news.deadline {
      if news.isProven { self.prove(until: deadline) } else { self.term.limit(to: deadline) }
    }
    if news.awaitsLook { self.lookForEnsemble() } else { self.announce() }
  }

  /// What a new connection brings.
  private struct News {
    var awaitsLook = false
    var isProven = false
    var deadline: ContinuousClock.Instant?
    var stuckBytes: Int?
    var hopeless: [@Sendable (Term?) -> Void] = []
  }

  private func announce() {
    self.signal(self, .connected)
    self.wakeTimer()
  }

  /// Asks what the server is. A stand-alone server has no configuration of an ensemble.
  ///
  /// Until it is known, nobody hears of the connection, so that nothing can be granted by a server that is then refused. If the
  /// connection is lost first, the next one asks again.
  private func lookForEnsemble() {
    // Refused only if the session is over.
    _ = Completion.submit { reply in
      self.looked(reply.code, isStandalone: reply.bytes.isEmpty)
    } _: { context in
      czk_get_config(self.pointer, completionAnswered, context)
    }
  }

  private func looked(_ code: ZooKeeperCode, isStandalone: Bool) {
    switch code {
    case .throttled:
      Task.detached {
        try? await Task.sleep(for: .pause(afterRefusals: 1))
        if self.state.withLock({ $0.awaitsLook }) { self.lookForEnsemble() }
      }
      return
    case .closed, .sessionExpired, .sessionMoved, .authFailed: return
    default: if code.isInDoubt { return }
    }
    let isAwaited = self.state.withLock { state in
      guard state.awaitsLook else { return false }
      state.awaitsLook = false
      state.hasLookedForEnsemble = true
      return true
    }
    // Asked twice: over a connection that was lost unnoticed, and over the next.
    guard isAwaited else { return }
    if code == .ok, isStandalone { return self.signal(self, .standalone) }
    if code != .ok { self.signal(self, .ensembleUnknown(code)) }
    self.announce()
  }
}

internal import LatchkeyPrimitives
internal import Logging

// The shell of the state machine.
extension ZooKeeperClient {
  /// Feeds the state machine and does what it says.
  func perform(_ feed: (inout State) -> [SessionMachine.Action]) {
    let effects = self.state.withLock { state -> Effects in
      let actions = feed(&state)
      var effects = Effects()
      for action in actions { self.apply(action, to: &state, &effects) }
      return effects
    }
    effects.run()
    self.deliver()
  }

  /// What is done after the lock was released, in this order.
  private struct Effects {
    var steps: [@Sendable () -> Void] = []

    func run() {
      for step in self.steps { step() }
    }
  }

  private func apply(_ action: SessionMachine.Action, to state: inout State, _ effects: inout Effects) {
    switch action {
    case .open(let generation):
      // At once the first time; a session that could not be opened is tried again after a while.
      var notBefore = ContinuousClock.now
      if state.openFailure == nil {
        state.addresses.expire(now: notBefore)
      } else {
        notBefore += .milliseconds(500)
      }
      state.pendingOpen = (generation, notBefore)
      if let timer = state.timer { effects.steps.append { timer.poke() } }
    case .close:
      if let session = state.session { effects.steps.append { session.close() } }
    case .publish(let sessionState):
      self.log(sessionState, state.session)
      for follower in state.stateFollowers.all { follower.yield(sessionState) }
      if sessionState == .closed {
        let followers = state.stateFollowers.removeAll()
        effects.steps.append { for follower in followers { follower.finish() } }
      }
    case .sessionConnected:
      state.hasConnected = true
      state.openFailure = nil
      guard let session = state.session else { return }
      state.undelivered.append(.connected(session))
      self.answer(&state, .success(session), &effects)
    case .sessionSuspended:
      if let session = state.session { state.undelivered.append(.suspended(session)) }
      state.addresses.expire(now: .now)
      if let timer = state.timer { effects.steps.append { timer.poke() } }
    case .sessionEnded(_, let code):
      guard let session = state.session else { return }
      state.session = nil
      state.undelivered.append(.ended(session, ZooKeeperError(code, operation: "session")))
      // Leases are told before anyone hears of the session's end.
      effects.steps.insert({ session.end(code) }, at: 0)
    case .stop(let code):
      let failure = self.closeReason(code, state)
      state.failure = failure
      state.pendingOpen = nil
      state.undelivered.append(.closed(failure))
      self.answer(&state, .failure(failure), &effects)
    case .finished:
      let timer = state.timer
      let line = state.closeLine
      state.timer = nil
      state.closeLine = []
      state.isFinished = true
      effects.steps.append {
        timer?.stop()
        for continuation in line { continuation.resume() }
      }
    }
  }

  private func answer(
    _ state: inout State,
    _ answer: Result<ZKSession, ZooKeeperError>,
    _ effects: inout Effects
  ) {
    let waiting = state.sessionLine.leaveAll(with: answer)
    guard !waiting.isEmpty else { return }
    effects.steps.append { for continuation in waiting { continuation.resume(returning: answer) } }
  }

  private func closeReason(_ code: ZooKeeperCode, _ state: State) -> ZooKeeperError {
    if code == .invalidConfiguration {
      return ZooKeeperError(
        code,
        operation: "connect",
        detail: """
          \(self.serverList) are several servers, but the one that answered is a stand-alone server: servers that are not one \
          ensemble each grant the same lock. List all members as server.N in every server's configuration, or name one server. \
          (The library's option allowsStandaloneServers is for programs in which nothing depends on a lock.)
          """
      )
    }
    guard code == .authFailed else {
      let reason = state.openFailure ?? (state.hasConnected ? nil : state.addresses.failure)
      return ZooKeeperError(code, operation: "connect", detail: reason)
    }
    let schemes = state.credentials.map(\.scheme).joined(separator: ", ")
    return ZooKeeperError(
      code,
      operation: "connect",
      detail: "the servers refused the credentials (AUTH_FAILED; schemes: \(schemes))"
    )
  }

  /// Tells the observers what is on its way, unless another thread is at it.
  private func deliver() {
    while true {
      let next = self.state.withLock { state -> (ZKSessionEvent, [@Sendable (ZKSessionEvent) -> Void])? in
        guard !state.isDelivering, !state.undelivered.isEmpty else { return nil }
        state.isDelivering = true
        return (state.undelivered.removeFirst(), state.observers.all)
      }
      guard let (event, observers) = next else { return }
      for observer in observers { observer(event) }
      self.state.withLock { $0.isDelivering = false }
    }
  }

  private func log(_ sessionState: SessionState, _ session: ZKSession?) {
    let logger = self.configuration.logger
    switch sessionState {
    case .expired: logger.notice("the ZooKeeper session has expired; opening a new one")
    case .authenticationFailed: logger.error("ZooKeeper refused the credentials; the client is closed")
    default: logger.debug("ZooKeeper session", metadata: ["zookeeper.state": "\(sessionState)"])
    }
  }
}

internal import Latchkey
internal import Logging
internal import Synchronization

/// What happens to a client's sessions, told in order and one at a time, on one of the C client's threads.
package enum ZKSessionEvent: Sendable {
  /// The session is connected, for the first time or again.
  case connected(ZKSession)
  /// The session has lost its connection and may live on.
  case suspended(ZKSession)
  /// The session is over.
  case ended(ZKSession, ZooKeeperError)
  /// The client is closed, or was refused: no new session will come.
  case closed(ZooKeeperError)
}

extension ZooKeeperClient {
  /// The session that is connected now; nil if none is.
  package var currentSession: ZKSession? {
    self.state.withLock { $0.machine.phase == .connected ? $0.session : nil }
  }

  /// Waits until a session is connected.
  ///
  /// - Parameter limit: How long to wait; nil: as long as it takes, but no longer than the connect timeout for the first
  ///   connection.
  /// - Throws: ``ZooKeeperError``: `connectionLoss` if the time was not enough, `notRunning`, `cancelled`, or why the client is closed.
  package func waitForSession(within limit: Duration?) async throws(ZooKeeperError) -> ZKSession {
    enum Place {
      case answered(Result<ZKSession, ZooKeeperError>)
      case joined(WaitLine<Result<ZKSession, ZooKeeperError>>.ID, hasConnected: Bool)
    }
    let place = self.state.withLock { state -> Place in
      if state.machine.phase == .connected, let session = state.session { return .answered(.success(session)) }
      if let failure = state.failure { return .answered(.failure(failure)) }
      return .joined(state.sessionLine.join(), hasConnected: state.hasConnected)
    }
    let (id, hasConnected): (WaitLine<Result<ZKSession, ZooKeeperError>>.ID, Bool)
    switch place {
    case .answered(let outcome): return try outcome.get()
    case .joined(let joined, let connectedBefore): (id, hasConnected) = (joined, connectedBefore)
    }
    let first = self.configuration.connectTimeout
    let budget = hasConnected ? limit : min(limit ?? first, first)
    let outcome = await withDeadline(budget.map { .now + $0 }) {
      self.leave(id, with: .failure(self.unreachable(within: budget)))
    } wait: {
      await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in
          let answer = self.state.withLock { $0.sessionLine.suspend(id, continuation) }
          if let answer { continuation.resume(returning: answer) }
        }
      } onCancel: {
        self.leave(id, with: .failure(ZooKeeperError(.cancelled, operation: "connect")))
      }
    }
    return try outcome.get()
  }

  private func leave(
    _ id: WaitLine<Result<ZKSession, ZooKeeperError>>.ID,
    with answer: Result<ZKSession, ZooKeeperError>
  ) {
    self.state.withLock { $0.sessionLine.leave(id, with: answer) }.resume(with: answer)
  }

  private func unreachable(within budget: Duration?) -> ZooKeeperError {
    guard self.hasRun.load(ordering: .relaxed) else { return self.notRunning() }
    let (openFailure, addresses) = self.state.withLock { ($0.openFailure, $0.addresses) }
    let reasons = [openFailure ?? addresses.failure].compactMap { $0 } + ClientLog.failures(of: addresses.hosts)
    let reason = reasons.isEmpty ? "" : ": \(reasons.joined(separator: ", "))"
    let time = budget.map { " within \($0)" } ?? ""
    var error = ZooKeeperError(
      .connectionLoss,
      operation: "connect",
      detail: "no connection to any of \(self.serverList)\(time)\(reason)\(self.slowness)"
    )
    error.isUnsent = true
    return error
  }

  private func notRunning() -> ZooKeeperError {
    let error = ZooKeeperError(.notRunning, operation: "connect")
    let isFirst = self.state.withLock { state in
      defer { state.hasSaidNotRunning = true }
      return !state.hasSaidNotRunning
    }
    if isFirst { self.configuration.logger.warning("the ZooKeeper client is used but not running", metadata: ["error": "\(error)"]) }
    return error
  }

  /// The C client derives its patience from the session timeout: a third for each server, a sixtieth between two rounds.
  private var slowness: String {
    let timeout = self.configuration.sessionTimeout
    guard timeout > self.configuration.tick * 20 else { return "" }
    return """
      ; servers give a session twenty ticks (\(self.configuration.tick * 20)) by default: one of \(timeout) makes each attempt \
      take up to \(timeout / 3), and begin again after \(timeout / 60): ask for less
      """
  }

  /// Calls a closure with everything that happens to the client's sessions from now on. It must not block.
  ///
  /// - Returns: A number for ``removeSessionObserver(_:)``.
  package func addSessionObserver(_ observer: @escaping @Sendable (ZKSessionEvent) -> Void) -> UInt64 {
    self.state.withLock { state in
      let id = state.nextObserver
      state.nextObserver += 1
      state.observers[id] = observer
      return id
    }
  }

  /// Forgets an observer; an event that is on its way may still reach it.
  package func removeSessionObserver(_ id: UInt64) {
    self.state.withLock { state in _ = state.observers.removeValue(forKey: id) }
  }

  // MARK: - Shell of the state machine

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
        notBefore = max(notBefore + .milliseconds(500), state.addresses.nextLookup ?? notBefore)
      }
      state.pendingOpen = (generation, notBefore, isLookedUp: false)
      if let timer = state.timer { effects.steps.append { timer.poke() } }
    case .close:
      if let session = state.session { effects.steps.append { session.close() } }
    case .publish(let sessionState):
      self.log(sessionState, state.session)
      for follower in state.stateFollowers.values { follower.yield(sessionState) }
      if sessionState == .closed {
        let followers = Array(state.stateFollowers.values)
        state.stateFollowers = [:]
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
          ensemble each grant the same lock. List all members as server.N in every server's configuration, or name one server, or \
          set allowsStandaloneServers if nothing depends on it
          """
      )
    }
    guard code == .authFailed else {
      return ZooKeeperError(code, operation: "connect", detail: state.openFailure)
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
        return (state.undelivered.removeFirst(), state.observers.sorted { $0.key < $1.key }.map(\.value))
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

  // MARK: - Timer thread

  /// Opens a session that is to be opened, looks up host names, and looks at the present session.
  ///
  /// - Returns: How long until the next call; nil: when poked.
  func tick() -> Duration? {
    let now = ContinuousClock.now
    var work = Work()
    let session = self.state.withLock { state in
      work = Self.work(of: &state, now: now)
      return state.session
    }
    if let due = work.open { self.open(due) }
    if !work.names.isEmpty { self.lookUp(work.names) }
    var wake = work.wake
    if let next = session?.tick() { wake = min(wake ?? next, next) }
    return wake.map { max(.zero, ContinuousClock.now.duration(to: $0)) }
  }

  private struct Work {
    var open: UInt64?
    var names: [String] = []
    var wake: ContinuousClock.Instant?
  }

  private static func work(of state: inout State, now: ContinuousClock.Instant) -> Work {
    var work = Work()
    if let pending = state.pendingOpen {
      if pending.notBefore > now {
        work.wake = pending.notBefore
      } else if pending.isLookedUp || state.addresses.names.isEmpty {
        state.pendingOpen = nil
        work.open = pending.generation
      } else if !state.addresses.isLookingUp {
        work.names = state.addresses.names
      }
    } else if state.session != nil, state.machine.phase == .suspended || state.machine.phase == .connecting,
      let next = state.addresses.nextLookup
    {
      // Servers may have got other addresses, which is why they cannot be found.
      if next > now { work.wake = next } else { work.names = state.addresses.names }
    }
    if !work.names.isEmpty { state.addresses.begin() }
    return work
  }

  private func lookUp(_ names: [String]) {
    let resolver = self.configuration.resolver
    // Not on the timer thread, which must send heartbeats meanwhile.
    let isStarted = detach { [weak self] in
      var findings: ServerAddresses.Findings = [:]
      for name in names { findings[name] = resolver.addresses(name) }
      self?.lookedUp(findings)
    }
    guard !isStarted else { return }
    let failure = HostResolver.Failure("the system has no thread to ask the name server with")
    self.lookedUp(Dictionary(uniqueKeysWithValues: names.map { ($0, .failure(failure)) }))
  }

  private func lookedUp(_ findings: ServerAddresses.Findings) {
    let (warning, session, hosts, timer) = self.state.withLock {
      state -> (String?, ZKSession?, String, TimerThread?) in
      let warns = state.addresses.finished(findings, now: .now)
      state.pendingOpen?.isLookedUp = true
      return (warns ? state.addresses.failure : nil, state.session, state.addresses.hosts, state.timer)
    }
    if let warning {
      self.configuration.logger.warning("ZooKeeper servers' names", metadata: ["error": "\(warning)"])
    }
    session?.setServers(hosts)
    timer?.poke()
  }

  private func open(_ generation: UInt64) {
    let (hosts, failure) = self.state.withLock { ($0.addresses.hosts, $0.addresses.failure) }
    guard !hosts.isEmpty else {
      self.openFailed(generation, failure ?? "no server has an address")
      return
    }
    let options = ZKSession.Options(
      hosts: hosts,
      chroot: self.configuration.chroot,
      timeout: self.configuration.requestedTimeout,
      tls: self.configuration.tlsArgument,
      heartbeat: self.configuration.heartbeat,
      tick: self.configuration.tick,
      maximumRequestSize: self.configuration.maximumRequestSize,
      pathLimits: self.configuration.pathLimits,
      auditPause: self.configuration.auditPause,
      refusesStandaloneServer: self.configuration.refusesStandaloneServer,
      credentials: { [weak self] in self?.state.withLock { $0.credentials } ?? [] }
    )
    let session = ZKSession(generation: generation, options: options) { [weak self] session, signal in
      self?.heard(signal, of: session)
    }
    guard let session else {
      self.openFailed(generation, "out of memory")
      return
    }
    let isWanted = self.state.withLock { state in
      guard state.machine.opening(generation) else { return false }
      state.session = session
      return true
    }
    guard isWanted else { return }
    if let failure = session.start() { self.openFailed(generation, String(systemError: failure)) }
  }

  private func openFailed(_ generation: UInt64, _ reason: String) {
    self.perform { state in
      state.openFailure = reason
      if state.session?.generation == generation { state.session = nil }
      return state.machine.openFailed(generation)
    }
  }

  private func heard(_ signal: ZKSession.Signal, of session: ZKSession) {
    switch signal {
    case .connected: self.perform { $0.machine.connected(session.generation) }
    case .disconnected: self.perform { $0.machine.disconnected(session.generation) }
    case .expired: self.perform { $0.machine.expired(session.generation) }
    case .authenticationFailed: self.perform { $0.machine.authenticationFailed(session.generation) }
    case .standalone: self.perform { $0.machine.refused(session.generation) }
    case .stuck(let bytes):
      self.configuration.logger.error(
        """
        the ZooKeeper session connects again and again without an answer: its watches seem to be more than the servers accept in \
        one request; closing it and opening a new one
        """,
        metadata: ["zookeeper.watch-bytes": "\(bytes)"]
      )
      self.perform { $0.machine.expired(session.generation) }
    case .ensembleUnknown(let code):
      let isFirst = self.state.withLock { state in
        defer { state.hasSaidEnsembleUnknown = true }
        return !state.hasSaidEnsembleUnknown
      }
      guard isFirst else { return }
      self.configuration.logger.notice(
        "cannot tell whether the ZooKeeper servers are one ensemble; taking it for granted",
        metadata: ["error": "\(code)"]
      )
    case .closed: self.perform { $0.machine.sessionClosed(session.generation) }
    case .wakeTimer: self.state.withLock { $0.timer }?.poke()
    }
  }
}

internal import LatchkeyPrimitives
internal import Logging

// What the timer thread does, and what sessions tell.
extension ZooKeeperClient {
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
    if let due = work.open {
      self.open(due)
      // What is due next depends on how that went.
      return .zero
    }
    for name in work.names { self.lookUp(name) }
    if let hosts = work.hosts { session?.setServers(hosts) }
    var wake = work.wake
    if let next = session?.tick() { wake = min(wake ?? next, next) }
    return wake.map { max(.zero, ContinuousClock.now.duration(to: $0)) }
  }

  private struct Work {
    var open: UInt64?
    var names: [String] = []
    /// What the present session's servers are known to be while it looks for one.
    var hosts: String?
    var wake: ContinuousClock.Instant?
  }

  private static func work(of state: inout State, now: ContinuousClock.Instant) -> Work {
    var work = Work()
    if let pending = state.pendingOpen {
      let readyAt = state.addresses.readyAt.map { max($0, pending.notBefore) }
      if let readyAt, readyAt <= now {
        state.pendingOpen = nil
        work.open = pending.generation
        return work
      }
      work.wake = readyAt
    } else if state.session != nil, state.machine.phase == .suspended || state.machine.phase == .connecting {
      // Servers may have got other addresses, which is why they cannot be found.
      work.hosts = state.addresses.hosts
    } else {
      return work
    }
    work.names = state.addresses.begin(now: now)
    if let next = state.addresses.nextLookup { work.wake = min(work.wake ?? next, next) }
    return work
  }

  private func lookUp(_ name: String) {
    let resolver = self.configuration.resolver
    // Not on the timer thread, which must send heartbeats meanwhile.
    let isStarted = detach { [weak self] in
      let finding = resolver.addresses(name)
      self?.lookedUp(name, finding)
    }
    guard !isStarted else { return }
    let failure = HostResolver.Failure("the system has no thread to ask the name server with")
    self.lookedUp(name, .failure(failure))
  }

  private func lookedUp(_ name: String, _ finding: ServerAddresses.Finding) {
    let (warning, timer) = self.state.withLock { state in
      (state.addresses.finished(name, finding, now: .now), state.timer)
    }
    if let warning {
      self.configuration.logger.warning("ZooKeeper servers' names", metadata: ["error": "\(warning)"])
    }
    // What is known now is for the timer thread to use.
    timer?.poke()
  }

  private func open(_ generation: UInt64) {
    let hosts = self.state.withLock { $0.addresses.hosts }
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
    case .broken:
      self.configuration.logger.error(
        "the ZooKeeper client ran out of memory in a request, which may never be answered; opening a new session"
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

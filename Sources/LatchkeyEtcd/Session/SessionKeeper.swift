#if Etcd
internal import EtcdAPI
internal import Latchkey
internal import LatchkeyNetwork
internal import LatchkeyPrimitives
internal import Logging
internal import NIOCore

/// The shell around the ``SessionMachine``: leases, the keep-alive stream, the wake-ups, and those who want to be told.
final class SessionKeeper: Sendable {
  private struct Stream {
    let number: UInt64
    let requests: AsyncStream<EtcdLeaseKeepAliveRequest>.Continuation
    let task: Task<Void, Never>
  }

  private struct State {
    var machine: SessionMachine
    var session: EtcdSession?
    var generation: UInt64 = 0
    var stream: Stream?
    var wakeUp: Scheduled<Void>?
    var wakesAt: ContinuousClock.Instant?
    var line = WaitLine<Result<EtcdSession, EtcdError>>()
    var failure: EtcdError?
    var closed: EtcdError?
    var observers = HandlerTable<@Sendable (EtcdSessionEvent) -> Void>()
    /// Actions that wait until those before them have been performed: one thread does so at a time, and in order.
    var undone: [SessionMachine.Action] = []
    var isPerforming = false
    /// Those who wait until nothing is left to perform.
    var bystanders: [CheckedContinuation<Void, Never>] = []
    var revocations: [Task<Void, Never>] = []
    /// The newest request for a lease.
    var granting: Task<Void, Never>?
    /// Ends the session at its deadline, by the clock that goes on while the machine sleeps.
    var deadlineWatch: Task<Void, Never>?
    var hasStarted = false
    var hasWarnedThatItDoesNotRun = false
    /// Whether a missing session is logged, since no caller gets an error for it.
    var warns = false
    var nextWarning: ContinuousClock.Instant?
    var pauseOfWarnings = Self.shortestPause

    static let shortestPause = Duration.seconds(1)
    static let longestPause = Duration.seconds(60)
  }

  private let connections: EtcdConnections
  private let configuration: EtcdClient.Configuration
  private let state: Locked<State>

  init(_ configuration: EtcdClient.Configuration, connections: EtcdConnections) {
    self.configuration = configuration
    self.connections = connections
    self.state = Locked(State(machine: SessionMachine(requested: .seconds(configuration.wholeSeconds))))
  }

  /// The session that lives, if there is one.
  var session: EtcdSession? { self.state.withLock { $0.session } }

  /// Why there is no session; nil if there is one, or nothing has failed.
  var reasonOfAbsence: EtcdError? { self.state.withLock { $0.session == nil ? $0.failure : nil } }

  /// Whether there is no session, or its keep-alive is overdue.
  var isSilent: Bool { self.state.withLock { $0.machine.isSilent(at: .now) } }

  /// Why no session will come any more.
  var closed: EtcdError? { self.state.withLock { $0.closed } }

  /// - Parameter isService: Whether the client runs as a service, which goes on trying and says in the log that it must.
  func start(isService: Bool = false) {
    self.state.withLock { state in
      state.hasStarted = true
      state.warns = isService
    }
    self.handle(.started)
  }

  /// Tells the servers that the session is over, and waits for their answer, but not for long.
  func close() async {
    let revocations = self.state.withLock { state in
      state.closed = .closed
      return state.line.leaveAll(with: .failure(.closed))
    }
    for continuation in revocations { continuation.resume(returning: .failure(.closed)) }
    self.handle(.closed)
    // A lease that is granted from now on is revoked, if it is learnt of.
    if self.connections.isConnected, let granting = self.state.withLock({ $0.granting }) { await granting.value }
    // Another thread may be at it: the revocation is there once it has been performed.
    await self.waitUntilPerformed()
    for task in self.state.withLock({ $0.revocations }) { await task.value }
    for observer in self.state.withLock({ $0.observers.all }) { observer(.closed(.closed)) }
  }

  /// Waits for a session. An error that waiting does not mend ends the wait at once.
  ///
  /// - Parameter timeout: How long; nil for as long as it takes.
  func waitForSession(within timeout: Duration?) async throws(EtcdError) -> EtcdSession {
    enum Step {
      case ready(EtcdSession)
      case wait(WaitLine<Result<EtcdSession, EtcdError>>.ID)
      case closed(EtcdError)
    }
    let step = self.state.withLock { state -> Step in
      if let error = state.closed { return .closed(error) }
      if let session = state.session { return .ready(session) }
      return .wait(state.line.join())
    }
    switch step {
    case .ready(let session): return session
    case .closed(let error): throw error
    case .wait(let id):
      let leave = { @Sendable (error: EtcdError) in
        self.state.withLock { $0.line.leave(id, with: .failure(error)) }.resume(with: .failure(error))
      }
      let deadline = timeout.map { ContinuousClock.now + $0 }
      let result = await withDeadline(deadline) {
        leave(self.absence(after: timeout ?? .zero))
      } wait: {
        await withTaskCancellationHandler {
          await withCheckedContinuation { continuation in
            let early = self.state.withLock { $0.line.suspend(id, continuation) }
            if let early { continuation.resume(returning: early) }
          }
        } onCancel: {
          leave(EtcdError(.cancelled, "the wait for a session was cancelled"))
        }
      }
      return try result.get()
    }
  }

  /// Somebody else was told that the session's lease is gone.
  func leaseGone(_ session: EtcdSession) { self.handle(.leaseGone(lease: session.lease)) }

  /// Tells the handler whatever happens to sessions from now on, one after the other.
  func addObserver(_ handler: @escaping @Sendable (EtcdSessionEvent) -> Void) -> UInt64 {
    self.state.withLock { $0.observers.add(handler) }
  }

  func removeObserver(_ id: UInt64) {
    self.state.withLock { state in _ = state.observers.remove(id) }
  }

  /// Why there is no session, for a caller whose wait is over.
  private func absence(after timeout: Duration) -> EtcdError {
    let (hasStarted, isNews, failure) = self.state.withLock { state in
      defer { if !state.hasStarted { state.hasWarnedThatItDoesNotRun = true } }
      return (state.hasStarted, !state.hasWarnedThatItDoesNotRun, state.failure)
    }
    guard hasStarted else {
      if isNews { self.configuration.logger.warning("\(EtcdError.notRunning.message)") }
      return .notRunning
    }
    return failure ?? EtcdError(.unreachable, "no session within \(timeout)")
  }

  /// Logs that there is no session, less and less often.
  private func warn(_ error: EtcdError) {
    let isDue = self.state.withLock { state in
      let now = ContinuousClock.now
      guard state.warns || state.generation > 0, state.closed == nil, state.nextWarning.map({ now >= $0 }) ?? true
      else {
        return false
      }
      state.nextWarning = now + state.pauseOfWarnings
      state.pauseOfWarnings = min(state.pauseOfWarnings * 2, State.longestPause)
      return true
    }
    guard isDue else { return }
    self.configuration.logger.warning(
      "no session: the cluster cannot be reached or refuses one; the client goes on trying",
      metadata: ["error": "\(error)"]
    )
  }

  // MARK: Events and what follows

  private func handle(_ event: SessionMachine.Event) {
    let isMine = self.state.withLock { state in
      state.undone += state.machine.handle(event, at: .now)
      self.plan(&state)
      defer { state.isPerforming = true }
      return !state.isPerforming
    }
    guard isMine else { return }
    while let action = self.takeAction() { self.perform(action) }
  }

  private func takeAction() -> SessionMachine.Action? {
    let (action, bystanders) = self.state.withLock { state in
      guard state.undone.isEmpty else {
        return (state.undone.removeFirst() as SessionMachine.Action?, [CheckedContinuation<Void, Never>]())
      }
      state.isPerforming = false
      defer { state.bystanders = [] }
      return (nil, state.bystanders)
    }
    for bystander in bystanders { bystander.resume() }
    return action
  }

  private func waitUntilPerformed() async {
    await withCheckedContinuation { continuation in
      let isDone = self.state.withLock { state in
        if state.isPerforming { state.bystanders.append(continuation) }
        return !state.isPerforming
      }
      if isDone { continuation.resume() }
    }
  }

  private func plan(_ state: inout State) {
    let next = state.machine.wakeAt
    guard next != state.wakesAt else { return }
    state.wakeUp?.cancel()
    state.wakesAt = next
    state.wakeUp = next.map { instant in
      self.connections.executor.loop.scheduleTask(in: TimeAmount(max(.zero, instant - .now))) { [weak self] in
        guard let self else { return }
        self.state.withLock { $0.wakesAt = nil }
        self.handle(.woken)
      }
    }
  }

  private func perform(_ action: SessionMachine.Action) {
    switch action {
    case .grant(let attempt): self.grant(attempt)
    case .begin(let lease, let deadline): self.begin(lease, deadline)
    case .extend(let lease, let deadline):
      guard let session = self.session, session.lease == lease else { return }
      // Refused if the old deadline has passed by now. The machine has moved on to the new one, and would keep a lease alive
      // by which no lock can be held.
      guard !session.term.advance(to: deadline) else { return }
      session.term.expire()
      self.handle(.termEnded(lease: lease))
    case .end(let lease, let reason): self.end(lease, reason)
    case .revoke(let lease): self.revoke(lease)
    case .openStream(let number): self.openStream(number)
    case .closeStream(let number):
      let stream = self.state.withLock { state -> Stream? in
        guard state.stream?.number == number else { return nil }
        defer { state.stream = nil }
        return state.stream
      }
      stream?.task.cancel()
    case .send(let number, let lease):
      var request = EtcdLeaseKeepAliveRequest()
      request.id = lease
      let stream = self.state.withLock { $0.stream }
      if let stream, stream.number == number { stream.requests.yield(request) }
    case .suspectConnection: self.connections.suspectPresent("a keep-alive was not answered in time")
    }
  }

  private func grant(_ attempt: UInt64) {
    let task = Task.detached(executorPreference: self.connections.executor) {
      var request = EtcdLeaseGrantRequest()
      request.ttl = self.configuration.wholeSeconds
      do throws(EtcdError) {
        let timeout = self.configuration.requestTimeout
        let answer = try await self.connections.call(EtcdMethods.leaseGrant, request, timeout: timeout)
        self.handle(.granted(attempt: attempt, lease: answer.id, timeToLive: .seconds(answer.ttl)))
      } catch {
        let waiting = self.state.withLock { state in
          state.failure = error
          // What is wrong with the user or the request does not mend by itself.
          return error.mayPass ? [] : state.line.leaveAll(with: .failure(error))
        }
        self.warn(error)
        for continuation in waiting { continuation.resume(returning: .failure(error)) }
        self.handle(.grantFailed(attempt: attempt))
      }
    }
    self.state.withLock { $0.granting = task }
  }

  private func begin(_ lease: Int64, _ deadline: ContinuousClock.Instant) {
    let (session, observers, waiting) = self.state.withLock { state in
      state.generation += 1
      let session = EtcdSession(generation: state.generation, lease: lease, deadline: deadline)
      state.session = session
      state.failure = nil
      state.nextWarning = nil
      state.pauseOfWarnings = State.shortestPause
      state.deadlineWatch?.cancel()
      state.deadlineWatch = self.watchDeadline(of: session)
      return (session, state.observers.all, state.line.leaveAll(with: .success(session)))
    }
    for observer in observers { observer(.began(session)) }
    for continuation in waiting { continuation.resume(returning: .success(session)) }
  }

  private func end(_ lease: Int64, _ reason: String) {
    let (session, observers, isClosed) = self.state.withLock { state in
      guard state.session?.lease == lease else {
        return (EtcdSession?.none, [@Sendable (EtcdSessionEvent) -> Void](), false)
      }
      state.deadlineWatch?.cancel()
      defer { (state.session, state.deadlineWatch) = (nil, nil) }
      return (state.session, state.observers.all, state.machine.isClosed)
    }
    guard let session else { return }
    self.configuration.logger.log(
      level: isClosed ? .debug : .warning,
      "the session is over",
      metadata: ["etcd.lease": "\(String(UInt64(bitPattern: lease), radix: 16))", "reason": "\(reason)"]
    )
    session.term.end(.reported(reason))
    for observer in observers { observer(.ended(session)) }
  }

  /// The loop's timers stand still while the machine sleeps, and go on afterwards with what was left; deadlines do not stand
  /// still.
  private func watchDeadline(of session: EtcdSession) -> Task<Void, Never> {
    Task.detached { [weak self] in
      await session.term.expireAtDeadline()
      // No effect if the session is over for another reason.
      self?.handle(.termEnded(lease: session.lease))
    }
  }

  /// Best effort: what this does not reach, the lease's own time ends.
  private func revoke(_ lease: Int64) {
    let timeout = min(self.configuration.requestTimeout, .seconds(2))
    let task = Task.detached(executorPreference: self.connections.executor) {
      var request = EtcdLeaseRevokeRequest()
      request.id = lease
      do throws(EtcdError) {
        _ = try await self.connections.call(EtcdMethods.leaseRevoke, request, timeout: timeout)
      } catch {
        guard error.code != .leaseNotFound else { return }
        self.configuration.logger.debug("a lease could not be revoked", metadata: ["error": "\(error)"])
      }
    }
    self.state.withLock { state in
      state.revocations.append(task)
      if state.revocations.count > 4 { state.revocations.removeFirst() }
    }
  }

  private func openStream(_ number: UInt64) {
    let (requests, continuation) = AsyncStream.makeStream(of: EtcdLeaseKeepAliveRequest.self)
    let task = Task.detached(executorPreference: self.connections.executor) { [weak self] in
      guard let connections = self?.connections else { return }
      do throws(EtcdError) {
        try await connections.stream(EtcdMethods.leaseKeepAlive, requests) { [weak self] answer, _ in
          self?.handle(.kept(stream: number, timeToLive: .seconds(answer.ttl)))
        }
      } catch {
        self?.configuration.logger.debug("the keep-alive stream ended", metadata: ["error": "\(error)"])
      }
      self?.handle(.streamEnded(stream: number))
    }
    self.state.withLock { state in
      state.stream = Stream(number: number, requests: continuation, task: task)
    }
  }
}
#endif

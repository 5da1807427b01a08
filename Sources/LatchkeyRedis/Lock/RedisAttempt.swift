internal import Latchkey
internal import LatchkeyNetwork
internal import LatchkeyPrimitives

/// One owner's requests to the server, and what it answered: the shell of an ``AttemptMachine``.
final class RedisAttempt: LockAttempt {
  private struct State {
    var machine: AttemptMachine
    var sentAt = ContinuousClock.now
    var deadline = ContinuousClock.now
  }

  /// What is left to do after the lock.
  private enum Step {
    case action(AttemptAction)
    case report(AttemptOutcome)
    /// Nothing of it can be at the server any more.
    case forget
  }

  let number: UInt64
  let owner: [UInt8]
  private let server: LockServer
  private let contention: Contention<RedisLockBackend>
  private let unconfirmed: UnconfirmedRelease
  private let state: Locked<State>

  init(_ number: UInt64, _ contention: Contention<RedisLockBackend>, server: LockServer) {
    let runtime = contention.shell.runtime
    self.number = number
    self.owner = runtime.owners.next()
    self.server = server
    self.contention = contention
    self.unconfirmed = UnconfirmedRelease(contention.name, runtime)
    self.state = Locked(State(machine: AttemptMachine(timeToLive: runtime.settings.timeToLive)))
  }

  private var runtime: LockRuntime { self.contention.shell.runtime }
  private var keys: LockKeys { self.contention.shell.keys }

  var isReleased: Bool { self.state.withLock { $0.machine.isReleased } }
  var isOver: Bool { self.state.withLock { $0.machine.isOver } }
  var wait: LockError.Wait { LockError.Wait() }

  func ask() {
    // Taken before anything is sent, and counted from.
    let now = ContinuousClock.now
    let deadline = LeaseTime.deadline(sentAt: now, timeToLive: self.runtime.settings.timeToLive)
    let steps = self.state.withLock { state -> [Step] in
      (state.sentAt, state.deadline) = (now, deadline)
      return self.apply(.ask(deadline: deadline), &state, now)
    }
    self.perform(steps)
  }

  func release() { self.handle(.release) }

  func note(standsUntil: ContinuousClock.Instant) { self.unconfirmed.note(standsUntil: standsUntil) }

  func dropRelease() {
    let (isDone, until) = self.state.withLock { ($0.machine.key.isDone == true, $0.machine.releaseUntil) }
    if !isDone { self.unconfirmed.drop(until: until) }
  }

  // MARK: Events and what follows

  private func handle(_ event: AttemptEvent) {
    self.perform(self.state.withLock { self.apply(event, &$0, .now) })
  }

  /// - Parameter reply: What the server answered, if that is the event.
  private func apply(
    _ event: AttemptEvent,
    _ state: inout State,
    _ now: ContinuousClock.Instant,
    reply: PlantReply? = nil
  ) -> [Step] {
    let wasOver = state.machine.isOver
    var steps: [Step] = []
    let actions = state.machine.handle(event, at: now)
    // Before anybody goes on: what is gone stands in nobody's way.
    if !wasOver, state.machine.isOver { steps.append(.forget) }
    for action in actions {
      guard case .decide(let decision) = action, let reply else {
        steps.append(.action(action))
        continue
      }
      steps.append(.report(self.outcome(of: decision, reply, state)))
    }
    return steps
  }

  private func outcome(of decision: AttemptDecision, _ reply: PlantReply, _ state: State) -> AttemptOutcome {
    switch (decision, reply) {
    case (.granted, .planted(let token)):
      return .granted(LockGrant(sentAt: state.sentAt, deadline: state.deadline, token: token))
    case (.busy(let remaining), .held(_, let holder)):
      return .busy(remaining: remaining, owners: [holder], holder: holder)
    case (.unavailable, .failed(let error)):
      let failure = LockError(self.contention.name, error, keys: [self.keys.lock, self.keys.counter])
      guard error.isTransient, !self.server.isMisplaced(error), self.server.hasBeenReached else {
        return .refused(failure, inDoubt: state.machine.isDoubtful)
      }
      return .unreachable(failure, isSilence: error.code == .timedOut)
    default: return .late
    }
  }

  private func perform(_ steps: [Step]) {
    for step in steps {
      switch step {
      case .action(.request): self.request()
      case .action(.release): self.sendRelease()
      case .action(.retryLater(let delay)): self.runtime.clock.set(after: delay) { self.handle(.retry) }
      case .action(.settle(let notified, let result)):
        let until = self.state.withLock { $0.machine.releaseUntil }
        self.contention.settled(self, notified: notified, self.unconfirmed.outcome(of: result, until: until))
      case .action(.decide): preconditionFailure("a decision without an answer")
      case .report(let outcome): self.contention.answered(self, outcome)
      case .forget: self.contention.forget(self)
      }
    }
  }

  private func request() {
    let arguments = [self.owner, self.runtime.timeToLiveWord, self.runtime.counterTimeToLiveWord]
    self.server.port.run(.acquire, keys: [self.keys.lock, self.keys.counter], arguments: arguments) { reply in
      self.received(PlantReply(reply))
    }
  }

  private func received(_ reply: PlantReply) {
    self.server.note(reply)
    if case .failed(let error) = reply, error.isTransient, self.server.hasBeenReached, !self.server.isMisplaced(error) {
      self.runtime.warn(of: error)
    }
    let event: AttemptReply =
      switch reply {
      case .planted: .planted
      case .held(let remaining, _): .held(remaining: remaining)
      case .failed(let error): .failed(error.requestFailure)
      }
    self.perform(self.state.withLock { self.apply(.answered(event), &$0, .now, reply: reply) })
  }

  private func sendRelease() {
    let arguments = [self.owner, Array(self.keys.channel.utf8)]
    self.server.port.run(.release, keys: [self.keys.lock], arguments: arguments) { reply in
      let until = self.state.withLock { $0.machine.releaseUntil }
      self.handle(.released(self.unconfirmed.read(reply, until: until)))
    }
  }
}

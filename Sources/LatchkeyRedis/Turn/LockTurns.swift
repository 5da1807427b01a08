internal import Latchkey
internal import LatchkeyPrimitives
internal import Logging

/// One grant, known by the number of the attempt that got it.
typealias RedisLease = TermLease<LockTurns>

/// The shell around one ``TurnMachine``: the local line of those who wait for one lock, and the ballots that are held for them.
///
/// Events come from callers and from whichever threads bring replies; each is handled under one lock, and what it asks for is
/// done after the lock.
final class LockTurns: Sendable {
  enum Answer: Sendable {
    case granted(RedisLease)
    case busy(LockError.Wait)
    case timedOut(LockError.Wait)
    case cancelled
    case failed(LockError)
  }

  typealias Node = UInt64
  typealias Line = WaitLine<Answer>

  struct State: Sendable {
    var machine: TurnMachine
    var line = Line()
    /// The tries in line: callers that do not wait.
    var impatient: Set<Line.ID> = []
    /// The tries that joined while a request was out.
    var newcomers: Set<Line.ID> = []
    /// The ballot of the present attempt; nil while nobody wants the lock.
    var ballot: Ballot?
    /// Ballots whose release is not done: what they planted may still stand in our way.
    var departed: [UInt64: Ballot] = [:]
    /// Ballots of a quorum that have failed and take back by themselves what they planted.
    var failed: [UInt64: Ballot] = [:]
    /// Called when there are none of either.
    var cleared: [@Sendable () -> Void] = []
    var grant: Ballot.Grant?
    var lease: RedisLease?
    var releases: [UInt64: CheckedContinuation<ReleaseOutcome, Never>] = [:]
    /// The last error, under its number.
    var error: (number: UInt64, error: LockError)?
    var nextError: UInt64 = 1
    var holders: [[UInt8]] = []
    var askedAt: ContinuousClock.Instant?
    /// The alarms that are set, by the machine's numbers.
    var alarms: [UInt64: AlarmClock.ID] = [:]
    var listening: Listening?
    /// The number of the subscription: what belongs to an earlier one means nothing.
    var subscription: UInt64 = 0
    var isRetired = false
    /// Whether everything is being released: then no caller may join.
    var isEnding = false

    /// Whether nothing that was given up or given back can be at a server any more, or get there yet.
    var isClear: Bool { self.departed.isEmpty && self.failed.isEmpty && !self.machine.isAsking }

    /// The handlers to call now, if it is clear.
    mutating func takeCleared() -> [@Sendable () -> Void] {
      guard self.isClear else { return [] }
      defer { self.cleared = [] }
      return self.cleared
    }
  }

  let name: LockName
  let servers: LockServers
  let keys: LockKeys
  let state: Locked<State>

  init(name: LockName, servers: LockServers) {
    self.name = name
    self.servers = servers
    self.keys = LockKeys(name, prefix: servers.settings.prefix)
    self.state = Locked(State(machine: TurnMachine(rules: servers.settings.turns)))
  }

  var backend: LockBackend { self.servers.settings.backend }

  // MARK: Callers

  enum Entry {
    case joined(Line.ID)
    /// These turns have been swept, and others must be taken.
    case retired
    /// Everything is being released.
    case ending
  }

  /// Takes a place in the local line.
  func join(isPatient: Bool) -> Entry {
    let (entry, steps) = self.state.withLock { state -> (Entry, [Step]) in
      if state.isRetired { return (.retired, []) }
      if state.isEnding { return (.ending, []) }
      let id = state.line.join()
      if !isPatient {
        state.impatient.insert(id)
        if state.machine.isAsking { state.newcomers.insert(id) }
      }
      return (.joined(id), self.apply(.joined(patient: isPatient), &state))
    }
    self.perform(steps)
    return entry
  }

  /// Fails all callers in line and lets none join: a lock that is released from now on goes to no caller of this process.
  func beginEnding() {
    let steps = self.state.withLock { state -> [Step] in
      state.isEnding = true
      let answer = Answer.failed(.ending(self.name))
      let (patient, impatient, newcomers) = (state.machine.patient, state.machine.impatient, state.machine.newcomers)
      var steps = state.line.leaveAll(with: answer).map { Step.answer(.resume($0), answer) }
      state.impatient = []
      state.newcomers = []
      for _ in 0..<patient { steps += self.apply(.left(patient: true), &state) }
      for index in 0..<impatient {
        steps += self.apply(.left(patient: false, isNewcomer: index < newcomers), &state)
      }
      return steps
    }
    self.perform(steps)
  }

  /// Logs what could not be released in time, and lets callers join again.
  func finishEnding() {
    let unreleased = self.state.withLock { state in
      state.isEnding = false
      return Array(state.departed.values)
    }
    for ballot in unreleased { ballot.dropRelease() }
  }

  func suspend(_ id: Line.ID, _ continuation: Line.Continuation) {
    let early = self.state.withLock { $0.line.suspend(id, continuation) }
    if let early { continuation.resume(returning: early) }
  }

  func leave(_ id: Line.ID, timedOut: Bool) {
    let steps = self.state.withLock { state -> [Step] in
      let answer: Answer =
        timedOut ? self.answerAtTimeout(state, of: id) : .cancelled
      let departure = state.line.leave(id, with: answer)
      guard departure.isDelivered else { return [] }
      let isPatient = state.impatient.remove(id) == nil
      let isNewcomer = state.newcomers.remove(id) != nil
      return [.answer(departure, answer)] + self.apply(.left(patient: isPatient, isNewcomer: isNewcomer), &state)
    }
    self.perform(steps)
  }

  /// Called by the registry, under its lock: true if the turns are done with for good.
  func retireIfIdle() -> Bool {
    self.state.withLock { state in
      guard state.machine.isIdle, state.line.isEmpty, state.lease == nil, state.isClear else { return false }
      state.isRetired = true
      return true
    }
  }

  /// The present grant.
  var lease: RedisLease? { self.state.withLock { $0.lease } }

  // MARK: Ballots

  func answered(_ ballot: Ballot, _ outcome: Ballot.Outcome) {
    let hasFailed = if case .granted = outcome { false } else { self.servers.ports.count > 1 }
    if hasFailed {
      self.state.withLock { $0.failed[ballot.attempt] = ballot }
      // It may have nothing to take back.
      if ballot.isOver { self.forget(ballot) }
    }
    if case .unavailable(let error, true, _, let votingFrom) = outcome, self.servers.hasBeenReached {
      self.servers.warn(of: error, votingFrom: votingFrom)
    }
    let steps = self.state.withLock { state -> [Step] in
      state.askedAt = nil
      let answer: TurnAnswer
      switch outcome {
      case .granted(let grant):
        state.grant = grant
        answer = .granted
      case .late: answer = .unreachable(error: state.keep(self.tooSlow))
      case .busy(let remaining, let holders):
        state.holders = holders
        let isOwn = state.departed.values.contains { holders.contains($0.owner) }
        answer = isOwn ? .busyWithOwn : .busy(remaining: remaining)
      case .unavailable(let error, let isTransient, let inDoubt, let votingFrom):
        let number = state.keep(self.unavailable(error, ballot, votingFrom: votingFrom))
        if !isTransient || !self.servers.hasBeenReached {
          answer = .refused(error: number, inDoubt: inDoubt)
        } else if let votingFrom {
          answer = .notYet(error: number, remaining: ContinuousClock.now.duration(to: votingFrom))
        } else {
          answer = .unreachable(error: number, isSilence: error.code == .timedOut)
        }
      }
      return self.apply(.answered(attempt: ballot.attempt, answer), &state)
    }
    self.perform(steps)
  }

  func settled(_ ballot: Ballot, told: Int, _ outcome: ReleaseOutcome) {
    let steps = self.state.withLock { state -> [Step] in
      let steps = self.apply(.releaseSettled(attempt: ballot.attempt, told: told), &state)
      guard let continuation = state.releases.removeValue(forKey: ballot.attempt) else { return steps }
      return steps + [.settle(continuation, outcome)]
    }
    self.perform(steps)
  }

  /// Called when nothing of a ballot can be at a server any more.
  func forget(_ ballot: Ballot) {
    let cleared = self.state.withLock { state -> [@Sendable () -> Void] in
      state.departed[ballot.attempt] = nil
      state.failed[ballot.attempt] = nil
      return state.takeCleared()
    }
    for tell in cleared { tell() }
  }

  /// Calls back when nothing that was given up or released can be at a server any more.
  func whenClear(_ tell: @escaping @Sendable () -> Void) {
    let isClear = self.state.withLock { state in
      if !state.isClear { state.cleared.append(tell) }
      return state.isClear
    }
    if isClear { tell() }
  }

  // MARK: Events and what follows

  /// What is left to do after the lock.
  enum Step: Sendable {
    case ask(Ballot)
    case release(Ballot)
    case rest(alarm: UInt64, Duration)
    case cancel(AlarmClock.ID)
    case subscribe(UInt64)
    case unsubscribe(Listening)
    case answer(Line.Departure, Answer)
    case watch(RedisLease, Ballot, Ballot.Grant)
    case tellCleared([@Sendable () -> Void])
    case settle(CheckedContinuation<ReleaseOutcome, Never>, ReleaseOutcome)
  }

  func handle(_ event: TurnEvent) {
    let steps = self.state.withLock { self.apply(event, &$0) }
    self.perform(steps)
  }

  /// Runs one event through the machine and resolves, still under the lock, what concerns the line and the lease.
  func apply(_ event: TurnEvent, _ state: inout State) -> [Step] {
    var steps: [Step] = []
    for action in state.machine.handle(event) { self.resolve(action, &state, &steps) }
    // A rest that was cut short would keep everything alive until its end, which may be hours away.
    for (alarm, id) in state.alarms where !state.machine.awaits(alarm) {
      state.alarms[alarm] = nil
      steps.append(.cancel(id))
    }
    // A ballot knows its turns: kept on, they would keep each other for ever.
    if state.machine.phase == .idle { state.ballot = nil }
    let cleared = state.takeCleared()
    if !cleared.isEmpty { steps.append(.tellCleared(cleared)) }
    return steps
  }

  private func resolve(_ action: TurnAction, _ state: inout State, _ steps: inout [Step]) {
    switch action {
    case .ask(let attempt, let isNew):
      if isNew || state.ballot == nil {
        state.ballot = Ballot(attempt: attempt, keys: self.keys, servers: self.servers, turns: self)
      }
      guard let ballot = state.ballot else { return }
      state.askedAt = .now
      state.newcomers = []
      steps.append(.ask(ballot))
    case .grant(let attempt): self.grant(attempt, &state, &steps)
    case .release(let attempt):
      guard let ballot = state.ballot, ballot.attempt == attempt else {
        preconditionFailure("a release of an attempt that is not the present one")
      }
      state.ballot = nil
      state.departed[attempt] = ballot
      steps.append(.release(ballot))
    case .rest(let alarm, let atLeast, let atMost):
      steps.append(.rest(alarm: alarm, atLeast + (atMost - atLeast) * Double.random(in: 0...1)))
    case .subscribe:
      state.subscription += 1
      steps.append(.subscribe(state.subscription))
    case .unsubscribe:
      state.subscription += 1
      if let listening = state.listening { steps.append(.unsubscribe(listening)) }
      state.listening = nil
    case .answerImpatient: self.answerImpatient(&state, &steps) { .busy(self.knownOfWait($0, of: $1)) }
    case .answerEarlierImpatient:
      let newcomers = state.newcomers
      state.impatient.subtract(newcomers)
      self.answerImpatient(&state, &steps) { .busy(self.knownOfWait($0, of: $1)) }
      state.impatient = newcomers
    case .failImpatient(let number):
      let answer = Answer.failed(self.error(number, state))
      self.answerImpatient(&state, &steps) { _, _ in answer }
    case .fail(let number):
      let answer = Answer.failed(self.error(number, state))
      for continuation in state.line.leaveAll(with: answer) { steps.append(.answer(.resume(continuation), answer)) }
      state.impatient = []
      state.newcomers = []
    }
  }

  private func grant(_ attempt: UInt64, _ state: inout State, _ steps: inout [Step]) {
    guard let head = state.line.head, let grant = state.grant, let ballot = state.ballot else {
      preconditionFailure("a grant without anybody in line or without a ballot")
    }
    let lease = RedisLease(
      owner: self,
      node: attempt,
      grant: self.servers.nextGrant(),
      token: grant.token,
      term: Term(deadline: grant.deadline)
    )
    state.lease = lease
    state.grant = nil
    state.holders = []
    let isPatient = state.impatient.remove(head) == nil
    state.newcomers.remove(head)
    let answer = Answer.granted(lease)
    // Watched before its caller resumes.
    steps.append(.watch(lease, ballot, grant))
    steps.append(.answer(state.line.leave(head, with: answer), answer))
    for action in state.machine.served(patient: isPatient) { self.resolve(action, &state, &steps) }
  }

  private func answerImpatient(
    _ state: inout State,
    _ steps: inout [Step],
    with answer: (State, Line.ID) -> Answer
  ) {
    for id in state.impatient {
      let answer = answer(state, id)
      steps.append(.answer(state.line.leave(id, with: answer), answer))
    }
    state.impatient = []
    state.newcomers = []
  }

  func perform(_ steps: [Step]) {
    for step in steps {
      switch step {
      case .ask(let ballot): ballot.ask()
      case .release(let ballot): ballot.release()
      case .rest(let alarm, let delay): self.rest(alarm, delay)
      case .cancel(let id): self.servers.clock.cancel(id)
      case .subscribe(let number): self.subscribe(number)
      case .unsubscribe(let listening): listening.end()
      case .answer(let departure, let answer): departure.resume(with: answer)
      case .watch(let lease, let ballot, let grant):
        self.servers.renewals.watch(lease, keys: self.keys, owner: ballot.owner, sentAt: grant.sentAt)
        lease.watchTerm()
        // A caller that was answered before it suspended may have released the lease before it was watched.
        if !lease.isHeld(lease.grant) { self.servers.renewals.forget(lease) }
      case .tellCleared(let cleared): for tell in cleared { tell() }
      case .settle(let continuation, let outcome): continuation.resume(returning: outcome)
      }
    }
  }

  private func rest(_ alarm: UInt64, _ delay: Duration) {
    let id = self.servers.clock.set(after: delay) { self.handle(.alarm(alarm)) }
    let isAwaited = self.state.withLock { state in
      let isAwaited = state.machine.awaits(alarm)
      if isAwaited { state.alarms[alarm] = id }
      return isAwaited
    }
    if !isAwaited { self.servers.clock.cancel(id) }
  }

  private func subscribe(_ number: UInt64) {
    let listening = self.servers.ports[0].listen(to: self.keys.channel) {
      self.handle(.subscribed, ofSubscription: number)
    } told: {
      self.handle(.woken, ofSubscription: number)
    } ended: { error in
      if let error { self.servers.warn(ofSubscription: error) }
      self.handle(.unsubscribed, ofSubscription: number)
    }
    let isStale = self.state.withLock { state -> Bool in
      guard state.subscription == number else { return true }
      state.listening = listening
      return false
    }
    if isStale { listening.end() }
  }

  private func handle(_ event: TurnEvent, ofSubscription number: UInt64) {
    let steps = self.state.withLock { state -> [Step] in
      guard state.subscription == number else { return [] }
      return self.apply(event, &state)
    }
    self.perform(steps)
  }
}

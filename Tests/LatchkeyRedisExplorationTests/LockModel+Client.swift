import Latchkey
import LatchkeyExplorer
import LatchkeyTesting

@testable import LatchkeyRedis

/// What the clients do.
extension LockModel {
  /// How long a server that was started again has no vote: as long as a key stands, by any clock, and a tick more.
  static let probation = Self.tick * (Self.ticksToLive + 1)

  func feed(_ event: RedisLockEvent, _ index: Int, _ state: inout State) throws(BrokenPromise) {
    try self.step(index, &state) { $0.handle(event) }
  }

  /// Callers have come or gone.
  func changeDemand(_ index: Int, _ state: inout State) throws(BrokenPromise) {
    try self.step(index, &state) { $0.demandChanged() }
  }

  func step(
    _ index: Int,
    _ state: inout State,
    _ step: (inout RedisLockMachine) -> [RedisLockAction]
  ) throws(BrokenPromise) {
    state.clients[index].turn.demand = state.clients[index].demand
    for action in step(&state.clients[index].turn) { try self.perform(action, index, &state) }
    self.tidy(index, &state)
  }

  private func perform(_ action: RedisLockAction, _ index: Int, _ state: inout State) throws(BrokenPromise) {
    switch action {
    case .send(let request): try self.send(request, index, &state)
    case .grant(let attempt): try self.grant(attempt, index, &state)
    case .turnAway: try self.answerTries(state.clients[index].tries, index, &state)
    case .turnAwayEarlier:
      try self.answerTries(state.clients[index].tries - state.clients[index].newcomers, index, &state)
    case .failTries:
      state.clients[index].waiting.removeAll { !$0 }
      (state.clients[index].newcomers, state.clients[index].undisturbed) = (0, 0)
    case .fail: throw BrokenPromise("\(Self.name(index)) is told of an error, though asking again would help")
    case .lose, .releaseSettled, .converted, .unconverted:
      throw BrokenPromise("\(Self.name(index)) settles what attempts and renewals settle")
    }
  }

  private func send(_ request: RedisLockRequest, _ index: Int, _ state: inout State) throws(BrokenPromise) {
    switch request {
    case .ask(let attempt, let isNew): try self.ask(attempt, isNew: isNew, index, &state)
    case .release(let attempt):
      state.clients[index].departed.insert(attempt)
      state.clients[index].attempts[attempt]?.isOut = true
      try self.feed(.release, to: attempt, index, &state)
    case .rest(let alarm, _, _): state.clients[index].alarm = alarm
    case .subscribe: state.clients[index].subscription = .requested
    case .unsubscribe:
      state.clients[index].subscription = .none
      state.clients[index].hasWord = false
    }
  }

  /// The first of the tries are told that the lock is busy.
  private func answerTries(_ count: Int, _ index: Int, _ state: inout State) throws(BrokenPromise) {
    guard count <= state.clients[index].tries - state.clients[index].undisturbed else {
      throw BrokenPromise("\(Self.name(index)) is told that the lock is busy, which was free all the time")
    }
    for _ in 0..<count {
      guard let first = state.clients[index].waiting.firstIndex(of: false) else { return }
      state.clients[index].waiting.remove(at: first)
    }
    state.clients[index].newcomers = min(state.clients[index].newcomers, state.clients[index].tries)
  }

  private func ask(_ attempt: UInt64, isNew: Bool, _ index: Int, _ state: inout State) throws(BrokenPromise) {
    state.clients[index].newcomers = 0
    let now = Self.instant(state.now)
    let deadline =
      self.shell.allowsForDrift
      ? LeaseTime.deadline(sentAt: now, timeToLive: Self.timeToLive) : now + Self.timeToLive
    if isNew || state.clients[index].attempts[attempt] == nil {
      let machine =
        self.isSingle
        ? ModelAttempt.single(AttemptMachine(timeToLive: Self.timeToLive, rules: self.attempts))
        : .quorum(QuorumVoteMachine(nodes: self.servers, timeToLive: Self.timeToLive, rules: self.votes))
      state.clients[index].attempts[attempt] = ModelClient.Attempt(machine: machine, deadline: deadline)
    }
    state.clients[index].attempts[attempt]?.deadline = deadline
    state.clients[index].attempts[attempt]?.isOut = true
    state.clients[index].attempts[attempt]?.ownInTheWay = []
    try self.feed(.ask(deadline: deadline), to: attempt, index, &state)
  }

  private func grant(_ attempt: UInt64, _ index: Int, _ state: inout State) throws(BrokenPromise) {
    let name = Self.name(index)
    guard !state.clients[index].waiting.isEmpty else { throw BrokenPromise("\(name) is granted for nobody") }
    guard let entry = state.clients[index].attempts[attempt] else {
      throw BrokenPromise("\(name) is granted an attempt that is over")
    }
    var deadline = entry.deadline
    if !self.shell.countsFromSending {
      deadline = LeaseTime.deadline(sentAt: Self.instant(state.now), timeToLive: Self.timeToLive)
    }
    guard Self.instant(state.now) < deadline else {
      throw BrokenPromise("\(name) is granted the lock after its deadline")
    }
    if self.isSingle {
      guard entry.token > state.lastGranted else {
        throw BrokenPromise("\(name) is granted the lock with a token that is not greater than the last")
      }
      state.lastGranted = entry.token
    }
    state.clients[index].hold = ModelClient.Hold(attempt: attempt, deadline: deadline)
    state.clients[index].waiting.removeFirst()
    self.noteHolders(&state)
    state.clients[index].newcomers = min(state.clients[index].newcomers, state.clients[index].tries)
    // Another caller of the client holds the lock.
    try self.answerTries(state.clients[index].tries, index, &state)
  }

  // MARK: Attempts

  func feed(_ event: QuorumVoteEvent, to attempt: UInt64, _ index: Int, _ state: inout State) throws(BrokenPromise) {
    guard let actions = state.clients[index].attempts[attempt]?.machine.handle(event, at: Self.instant(state.now))
    else {
      return
    }
    for action in actions {
      switch action {
      case .request(let node):
        state.clients[index].requests[node].append(ModelClient.Request(attempt: attempt, isRelease: false))
      case .release(let node):
        state.clients[index].requests[node].append(ModelClient.Request(attempt: attempt, isRelease: true))
      case .retryLater(let node, _): state.clients[index].retries.append((node, attempt))
      case .decide(let decision): try self.decided(decision, attempt, index, &state)
      case .settle(let told, let result):
        state.clients[index].attempts[attempt]?.isOut = false
        if let entry = state.clients[index].attempts[attempt] { try self.check(result, of: entry, index) }
        try self.feed(.releaseSettled(attempt: attempt, notified: told), index, &state)
      }
    }
    self.tidy(index, &state)
  }

  /// A release tells of a loss where the key was deleted behind the holder's back, and only there.
  private func check(_ result: ReleaseResult, of entry: ModelClient.Attempt, _ index: Int) throws(BrokenPromise) {
    guard !self.isTimed, !self.faults.contains(self.isSingle ? .forget : .restart), !self.faults.contains(.replace)
    else { return }
    let isLost = entry.deletedAt.count > self.servers - (self.servers / 2 + 1)
    if result == .lost, entry.deletedAt.isEmpty {
      throw BrokenPromise("\(Self.name(index)) is told of a loss that is none")
    }
    let isDoubtful = entry.machine.hasTimedOut || entry.machine.keys.contains(where: \.isReleaseDoubtful)
    if isLost, result != .lost, !isDoubtful {
      throw BrokenPromise("\(Self.name(index)) releases a lock that was deleted, and is told nothing of it")
    }
  }

  /// Lets go of attempts that nobody will hear of again.
  private func tidy(_ index: Int, _ state: inout State) {
    let turn = state.clients[index].turn
    for (attempt, entry) in state.clients[index].attempts {
      let isPresent = turn.attempt == attempt && (turn.isOpen || turn.isAsking || turn.phase == .held)
      let isAtWork =
        entry.machine.isReleased ? !entry.machine.isOver : entry.machine.keys.contains(where: \.isPending)
      guard !isPresent, !isAtWork else { continue }
      state.clients[index].attempts[attempt] = nil
      state.clients[index].departed.remove(attempt)
    }
  }

  private func decided(
    _ decision: QuorumVoteDecision,
    _ attempt: UInt64,
    _ index: Int,
    _ state: inout State
  ) throws(BrokenPromise) {
    state.clients[index].attempts[attempt]?.isOut = false
    let answer: RedisLockAnswer
    switch decision {
    case .granted: answer = .granted
    case .late, .unavailable: answer = .unreachable(Self.outage)
    case .busy(let remaining):
      let own = state.clients[index].attempts[attempt]?.ownInTheWay ?? []
      answer = own.isDisjoint(with: state.clients[index].departed) ? .busy(remaining: remaining) : .busyWithOwn
    }
    try self.feed(.answered(attempt: attempt, answer), index, &state)
  }

  func hear(_ reply: ModelClient.Reply, from node: Int, _ index: Int, _ state: inout State) throws(BrokenPromise) {
    let attempt = reply.request.attempt
    switch reply.answer {
    case .yes(let token):
      let isTrusted = self.trusts(reply, of: node, index, &state)
      state.clients[index].attempts[attempt]?.token = token
      try self.feed(.voted(node: node, isTrusted ? .yes : .untrusted), to: attempt, index, &state)
    case .no(let own):
      _ = self.trusts(reply, of: node, index, &state)
      if let own { state.clients[index].attempts[attempt]?.ownInTheWay.insert(own) }
      try self.feed(.voted(node: node, .no(remaining: nil)), to: attempt, index, &state)
    case .released(let told): try self.feed(.released(node: node, .freed(notified: told)), to: attempt, index, &state)
    case .gone: try self.feed(.released(node: node, .gone), to: attempt, index, &state)
    }
  }

  private func trusts(_ reply: ModelClient.Reply, of node: Int, _ index: Int, _ state: inout State) -> Bool {
    guard !self.isSingle, self.shell.hasProbation else { return true }
    let now = Self.instant(state.now)
    // A run that was there from the beginning has been up for long.
    let uptime = reply.run == 0 || reply.isOld ? Self.probation * 2 : .zero
    let identity = RedisServerIdentity(
      runID: "\(reply.run)",
      uptime: uptime,
      // No earlier can a connection have asked.
      readAt: Self.instant(reply.startedAt)
    )
    return state.clients[index].probations[node].end(for: identity, at: now) == nil
  }

  // MARK: Faults

  func cut(_ index: Int, _ node: Int, _ fate: Fate, _ state: inout State) throws(BrokenPromise) {
    let requests = state.clients[index].requests[node]
    let lost = state.clients[index].replies[node].map(\.request) + requests
    state.clients[index].requests[node] = []
    state.clients[index].replies[node] = []
    switch fate {
    case .carriedOut: for request in requests { _ = self.carryOut(request, of: index, at: node, &state) }
    case .dropped, .neverSent: break
    case .late: state.clients[index].late += requests.map { (node, $0, state.now) }
    }
    for (position, request) in lost.enumerated() {
      let isNeverSent = fate == .neverSent && position >= lost.count - requests.count
      let vote = Vote.failed(isNeverSent ? .notDone : .inDoubt)
      let event: QuorumVoteEvent = request.isRelease ? .released(node: node, .failed) : .voted(node: node, vote)
      try self.feed(event, to: request.attempt, index, &state)
    }
  }

  /// - Parameter isOld: Whether it is another server that answers from now on, which has long been up.
  func restart(_ node: Int, isOld: Bool, _ state: inout State) throws(BrokenPromise) {
    state.nodes[node].isOld = isOld
    state.nodes[node].key = nil
    state.nodes[node].counter = nil
    state.nodes[node].run += 1
    state.nodes[node].startedAt = state.now
    if self.isSingle { state.hasForgotten = true }
    for index in state.clients.indices {
      state.clients[index].late.removeAll { $0.node == node }
      try self.cut(index, node, .dropped, &state)
      guard self.isSingle, state.clients[index].subscription != .none else { continue }
      state.clients[index].subscription = .none
      state.clients[index].hasWord = false
      try self.feed(.unsubscribed, index, &state)
    }
  }
}

extension RedisLockMachine {
  /// Whether it waits for an alarm, or for the word that the lock was released.
  var isResting: Bool {
    if case .resting = self.phase { true } else { false }
  }
}

internal import Latchkey
internal import LatchkeyNetwork
internal import LatchkeyPrimitives

/// One owner's requests to a quorum of servers, and what they answered: the shell of a ``QuorumVoteMachine``.
final class QuorumVote: LockAttempt {
  private struct State {
    var machine: QuorumVoteMachine
    var sentAt = ContinuousClock.now
    var deadline = ContinuousClock.now
    var alarm: TimerQueue.ID?
    /// What each server answered that was no yes.
    var holders: [[UInt8]?]
    var errors: [RedisError?]
    /// Until when each server's yes does not count.
    var probationEnds: [ContinuousClock.Instant?]
  }

  /// How a vote came out.
  private enum Outcome {
    case granted(LockGrant)
    case late
    case busy(remaining: Duration?, holders: [[UInt8]])
    /// - Parameter votingFrom: When enough servers will have run for long enough to vote, if that alone is missing.
    case unavailable(
      RedisError,
      isTransient: Bool,
      inDoubt: Bool,
      votingFrom: ContinuousClock.Instant? = nil
    )
  }

  /// What is left to do after the lock.
  private enum Step {
    case action(QuorumVoteAction)
    case report(Outcome)
    case cancel(TimerQueue.ID)
    /// Nothing of it can be at a server any more.
    case forget
  }

  let number: UInt64
  let owner: [UInt8]
  private let servers: QuorumServers
  private let contention: Contention<RedisLockBackend>
  private let unconfirmed: UnconfirmedRelease
  private let state: Locked<State>

  init(_ number: UInt64, _ contention: Contention<RedisLockBackend>, servers: QuorumServers) {
    let runtime = contention.shell.runtime
    self.number = number
    self.owner = runtime.owners.next()
    self.servers = servers
    self.contention = contention
    self.unconfirmed = UnconfirmedRelease(contention.name, runtime)
    let count = servers.ports.count
    let machine = QuorumVoteMachine(nodes: count, timeToLive: runtime.settings.timeToLive)
    self.state = Locked(
      State(
        machine: machine,
        holders: Array(repeating: nil, count: count),
        errors: Array(repeating: nil, count: count),
        probationEnds: Array(repeating: nil, count: count)
      )
    )
  }

  private var runtime: LockRuntime { self.contention.shell.runtime }
  private var keys: LockKeys { self.contention.shell.keys }

  func ask() {
    // Taken before anything is sent, and counted from.
    let now = ContinuousClock.now
    let deadline = LeaseTime.deadline(sentAt: now, timeToLive: self.runtime.settings.timeToLive)
    let steps = self.state.withLock { state -> [Step] in
      state.sentAt = now
      state.deadline = deadline
      return self.apply(.ask(deadline: deadline), &state, now)
    }
    self.setAlarm()
    self.perform(steps)
  }

  func note(standsUntil: ContinuousClock.Instant) { self.unconfirmed.note(standsUntil: standsUntil) }

  func release() {
    let steps = self.state.withLock { self.apply(.release, &$0, .now) }
    self.setAlarm()
    self.perform(steps)
  }

  /// A vote that has failed takes back by itself what it planted.
  var isReleased: Bool { self.state.withLock { $0.machine.isReleased } }

  var isOver: Bool { self.state.withLock { $0.machine.isOver } }

  var wait: LockError.Wait { LockError.Wait(votes: self.votes) }

  /// What each server has answered, by its address.
  private var votes: [String: String] {
    let (votes, holders, errors, hasTimedOut) = self.state.withLock {
      ($0.machine.votes, $0.holders, $0.errors, $0.machine.hasTimedOut)
    }
    var texts: [String: String] = [:]
    for (node, port) in self.servers.ports.enumerated() {
      texts[port.address] =
        switch votes[node] {
        case .yes: "granted"
        case .no: holders[node].map { "held by \(OwnerIdentity.describe($0))" } ?? "held"
        case .untrusted, .duplicate, .failed: errors[node].map(\.message) ?? "no answer"
        case nil: hasTimedOut ? "no answer in time" : "not waited for"
        }
    }
    return texts
  }

  func dropRelease() {
    let (isDone, until) = self.state.withLock { ($0.machine.isReleasedAtQuorum, $0.machine.releaseUntil) }
    if !isDone { self.unconfirmed.drop(until: until) }
  }

  // MARK: Events and what follows

  private func handle(_ event: QuorumVoteEvent) {
    self.perform(self.state.withLock { self.apply(event, &$0, .now) })
  }

  private func apply(_ event: QuorumVoteEvent, _ state: inout State, _ now: ContinuousClock.Instant) -> [Step] {
    let wasOver = state.machine.isOver
    var steps: [Step] = []
    let actions = state.machine.handle(event, at: now)
    // Before anybody goes on: what is gone stands in nobody's way.
    if !wasOver, state.machine.isOver { steps.append(.forget) }
    for action in actions {
      guard case .decide(let decision) = action else {
        steps.append(.action(action))
        continue
      }
      if let alarm = state.alarm {
        state.alarm = nil
        steps.append(.cancel(alarm))
      }
      steps.append(.report(self.outcome(of: decision, state)))
    }
    return steps
  }

  private func outcome(of decision: QuorumVoteDecision, _ state: State) -> Outcome {
    switch decision {
    // Any number that the servers could mint would come from those that happened to vote.
    case .granted: return .granted(LockGrant(sentAt: state.sentAt, deadline: state.deadline, token: nil))
    case .late: return .late
    case .busy(let remaining): return .busy(remaining: remaining, holders: state.holders.compactMap { $0 })
    case .unavailable:
      let errors = state.errors.compactMap { $0 }
      // Two names of one server stay that, however often they are asked.
      if let duplicate = state.errors.indices.first(where: { state.machine.votes[$0] == .duplicate }) {
        let error = state.errors[duplicate] ?? .noAnswer
        return .unavailable(error, isTransient: false, inDoubt: state.machine.isDoubtful)
      }
      // A majority that is not to be asked does not become another by waiting.
      let misplaced = state.errors.enumerated().compactMap { node, error in
        error.flatMap { self.servers.isMisplaced($0, at: node) ? $0 : nil }
      }
      if let error = misplaced.first, misplaced.count > state.errors.count / 2 {
        return .unavailable(error, isTransient: false, inDoubt: state.machine.isDoubtful)
      }
      // Only what all agree on is final.
      let error = errors.first { $0.isTransient } ?? errors.first ?? .noAnswer
      return .unavailable(
        error,
        isTransient: error.isTransient,
        inDoubt: state.machine.isDoubtful,
        votingFrom: self.votingFrom(state)
      )
    }
  }

  /// When enough servers can vote, if enough of them have answered that have only been started too lately.
  private func votingFrom(_ state: State) -> ContinuousClock.Instant? {
    let missing = state.errors.count / 2 + 1 - state.machine.votes.count { $0?.isVote ?? false }
    let ends = state.probationEnds.compactMap { $0 }.sorted()
    return missing > 0 && missing <= ends.count ? ends[missing - 1] : nil
  }

  private func perform(_ steps: [Step]) {
    for step in steps {
      switch step {
      case .action(.request(let node)): self.request(node)
      case .action(.release(let node)): self.sendRelease(node)
      case .action(.retryLater(let node, let delay)):
        self.runtime.clock.set(after: delay) { self.handle(.retry(node: node)) }
      case .action(.settle(let notified, let result)):
        let until = self.state.withLock { $0.machine.releaseUntil }
        self.contention.settled(self, notified: notified, self.unconfirmed.outcome(of: result, until: until))
      case .action(.decide): preconditionFailure("resolved under the lock")
      case .report(let outcome): self.report(outcome)
      case .cancel(let alarm): self.runtime.clock.cancel(alarm)
      case .forget: self.contention.forget(self)
      }
    }
  }

  private func setAlarm() {
    let alarm = self.runtime.clock.set(after: self.servers.answerTimeout) { self.handle(.timedOut) }
    let last = self.state.withLock { state in
      defer { state.alarm = alarm }
      return state.alarm
    }
    if let last { self.runtime.clock.cancel(last) }
  }

  // MARK: Outcomes

  private func report(_ outcome: Outcome) {
    switch outcome {
    case .granted(let grant): self.contention.answered(self, .granted(grant))
    case .late: self.contention.answered(self, .late)
    case .busy(let remaining, let holders):
      let holder = holders.first { holder in holders.count { $0 == holder } >= self.servers.quorum }
      self.contention.answered(self, .busy(remaining: remaining, owners: holders, holder: holder))
    case .unavailable(let error, let isTransient, let inDoubt, let votingFrom):
      let failure = self.failure(error, votingFrom: votingFrom)
      guard isTransient, self.servers.hasBeenReached else {
        return self.contention.answered(self, .refused(failure, inDoubt: inDoubt))
      }
      if let votingFrom {
        self.servers.announce(votingFrom, self.runtime.settings)
        let remaining = ContinuousClock.now.duration(to: votingFrom)
        return self.contention.answered(self, .notYet(failure, remaining: remaining))
      }
      self.runtime.warn(of: error)
      self.contention.answered(self, .unreachable(failure, isSilence: error.code == .timedOut))
    }
  }

  private func failure(_ error: RedisError, votingFrom: ContinuousClock.Instant?) -> LockError {
    let name = self.contention.name
    if let votingFrom {
      let message = "too few of the servers have run for long enough to vote; \(WallClock.describe(votingFrom))"
      return LockError(.unreachable, name: name, message: message, wait: self.wait)
    }
    guard error.isTransient else {
      var failure = LockError(name, error, keys: [self.keys.lock])
      failure.wait = self.wait
      return failure
    }
    // What each of them has said stands among the votes.
    let message = "too few of the servers can vote; each says why, and a majority must run and have run for long enough"
    return LockError(.unreachable, name: name, message: message, wait: self.wait)
  }

  // MARK: Requests

  private func request(_ node: Int) {
    let arguments = [self.owner, self.runtime.timeToLiveWord]
    self.servers.ports[node].run(.vote, keys: [self.keys.lock], arguments: arguments) { reply in
      self.received(PlantReply(reply), reply.identity, from: node)
    }
  }

  private func received(_ reply: PlantReply, _ identity: RedisServerIdentity?, from node: Int) {
    self.servers.note(reply, of: node)
    var vote: Vote
    var holder: [UInt8]?
    var error: RedisError?
    switch reply {
    case .planted: vote = .yes
    case .held(let remaining, let owner):
      vote = .no(remaining: remaining)
      holder = owner
    case .failed(let failure):
      vote = .failed(failure.requestFailure)
      error = failure
    }
    // Checked for every answer: the sooner a run is known, the sooner its successor is recognised.
    let distrustedUntil = self.servers.distrust(of: node, identity)
    var probationEnd: ContinuousClock.Instant?
    if let duplicate = self.servers.duplicate(of: node, identity) {
      vote = vote == .yes ? .duplicate : .failed(.notDone)
      error = duplicate
    } else if case .yes = vote, let end = distrustedUntil {
      probationEnd = end
      vote = .untrusted
      error = RedisError(
        .unreachable,
        "was started lately and may have forgotten a lock: no vote for \(ContinuousClock.now.duration(to: end).roundedUp)"
      )
    }
    let steps = self.state.withLock { [vote, holder, error, probationEnd] state -> [Step] in
      state.holders[node] = holder
      state.errors[node] = error
      state.probationEnds[node] = probationEnd
      return self.apply(.voted(node: node, vote), &state, .now)
    }
    self.perform(steps)
  }

  private func sendRelease(_ node: Int) {
    // Nobody waits for the word of one server.
    self.servers.ports[node].run(.release, keys: [self.keys.lock], arguments: [self.owner, []]) { reply in
      let until = self.state.withLock { $0.machine.releaseUntil }
      self.handle(.released(node: node, self.unconfirmed.read(reply, until: until)))
    }
  }
}

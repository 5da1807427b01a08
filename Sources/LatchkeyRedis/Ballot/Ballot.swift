internal import Latchkey
internal import LatchkeyNetwork
internal import LatchkeyPrimitives
internal import Logging

/// The shell of one ``BallotMachine``: one owner's requests to the servers, and what they answered.
final class Ballot: Sendable {
  /// What was granted.
  struct Grant: Sendable {
    let sentAt: ContinuousClock.Instant
    let deadline: ContinuousClock.Instant
    /// What the server minted; nil where there is no token.
    let token: FencingToken?
  }

  /// How asking came out.
  enum Outcome: Sendable {
    case granted(Grant)
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

  private struct State {
    var machine: BallotMachine
    var sentAt = ContinuousClock.now
    var deadline = ContinuousClock.now
    var token: FencingToken?
    var alarm: TimerQueue.ID?
    /// What each server answered that was no yes.
    var holders: [[UInt8]?]
    var errors: [RedisError?]
    /// Until when each server's yes does not count.
    var probationEnds: [ContinuousClock.Instant?]
    /// Until when what was granted stands at the servers if nobody deletes it.
    var standsUntil: ContinuousClock.Instant?
    /// What the servers last had against a release.
    var releaseError: RedisError?
    /// Whether the log says that the release was given up.
    var isDropLogged = false
  }

  /// What is left to do after the lock.
  private enum Step {
    case action(BallotAction)
    case tell(Outcome)
    case cancel(TimerQueue.ID)
    /// Nothing of it can be at a server any more.
    case forget
  }

  let attempt: UInt64
  let owner: [UInt8]
  private let keys: LockKeys
  private let servers: LockServers
  private let contention: Contention<RedisLockBackend>
  private let state: Locked<State>

  init(attempt: UInt64, keys: LockKeys, servers: LockServers, contention: Contention<RedisLockBackend>) {
    self.attempt = attempt
    self.owner = servers.owners.next()
    self.keys = keys
    self.servers = servers
    self.contention = contention
    let count = servers.ports.count
    let machine = BallotMachine(nodes: count, timeToLive: servers.settings.timeToLive)
    self.state = Locked(
      State(
        machine: machine,
        holders: Array(repeating: nil, count: count),
        errors: Array(repeating: nil, count: count),
        probationEnds: Array(repeating: nil, count: count)
      )
    )
  }

  /// Asks for the lock; the outcome is reported to the contention.
  func ask() {
    // Taken before anything is sent, and counted from.
    let now = ContinuousClock.now
    let deadline = LeaseTime.deadline(sentAt: now, timeToLive: self.servers.settings.timeToLive)
    let steps = self.state.withLock { state -> [Step] in
      state.sentAt = now
      state.deadline = deadline
      return self.apply(.ask(deadline: deadline), &state, now)
    }
    if let timeout = self.servers.settings.answerTimeout { self.setAlarm(after: timeout) }
    self.perform(steps)
  }

  /// Notes until when the servers keep what was granted, for errors and logs about a release that failed.
  func note(standsUntil: ContinuousClock.Instant) { self.state.withLock { $0.standsUntil = standsUntil } }

  /// Gives back what the servers may hold; the contention is notified when that is settled.
  func release() {
    let steps = self.state.withLock { self.apply(.release, &$0, .now) }
    if let timeout = self.servers.settings.answerTimeout { self.setAlarm(after: timeout) }
    self.perform(steps)
  }

  /// Whether nothing of it can be at a server any more.
  var isOver: Bool { self.state.withLock { $0.machine.isOver } }

  /// What each server has answered, by its address.
  var votes: [String: String] {
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

  // MARK: Events and what follows

  private func handle(_ event: BallotEvent) {
    self.perform(self.state.withLock { self.apply(event, &$0, .now) })
  }

  private func apply(_ event: BallotEvent, _ state: inout State, _ now: ContinuousClock.Instant) -> [Step] {
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
      steps.append(.tell(self.outcome(of: decision, state)))
    }
    return steps
  }

  private func outcome(of decision: BallotDecision, _ state: State) -> Outcome {
    switch decision {
    case .granted: return .granted(Grant(sentAt: state.sentAt, deadline: state.deadline, token: state.token))
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
        self.servers.clock.set(after: delay) { self.handle(.retry(node: node)) }
      case .action(.settle(let told, let result)):
        self.contention.settled(self, notified: told, self.outcome(of: result))
      case .action(.decide): preconditionFailure("resolved under the lock")
      case .tell(let outcome): self.contention.answered(self, outcome)
      case .cancel(let alarm): self.servers.clock.cancel(alarm)
      case .forget: self.contention.forget(self)
      }
    }
  }

  private func setAlarm(after timeout: Duration) {
    let alarm = self.servers.clock.set(after: timeout) { self.handle(.timedOut) }
    let last = self.state.withLock { state in
      defer { state.alarm = alarm }
      return state.alarm
    }
    if let last { self.servers.clock.cancel(last) }
  }

  // MARK: Requests

  private func request(_ node: Int) {
    let isFenced = self.servers.settings.isFenced
    let keys = isFenced ? [self.keys.lock, self.keys.counter] : [self.keys.lock]
    let arguments =
      isFenced
      ? [self.owner, self.servers.timeToLiveWord, self.servers.counterTimeToLiveWord]
      : [self.owner, self.servers.timeToLiveWord]
    self.servers.ports[node].run(isFenced ? .acquire : .vote, keys: keys, arguments: arguments) { reply in
      self.received(reply, from: node)
    }
  }

  private func received(_ reply: PortReply, from node: Int) {
    var answer = Self.read(reply)
    switch answer.error?.code {
    // Where a connection was lost, there was one.
    case nil, .server, .connectionLost: self.servers.noteAnswer(of: node)
    default: break
    }
    if case .yes = answer.vote { self.servers.noteGrant(of: node) }
    // Checked for every answer: the sooner a run is known, the sooner its successor is recognised.
    let distrustedUntil = self.servers.distrust(of: node, reply.identity)
    var probationEnd: ContinuousClock.Instant?
    if let duplicate = self.servers.duplicate(of: node, reply.identity) {
      answer.vote = answer.vote == .yes ? .duplicate : .failed(.notDone)
      answer.error = duplicate
    } else if case .yes = answer.vote, let end = distrustedUntil {
      probationEnd = end
      answer.vote = .untrusted
      answer.error = RedisError(
        .unreachable,
        "was started lately and may have forgotten a lock: no vote for \(ContinuousClock.now.duration(to: end).roundedUp)"
      )
    }
    let steps = self.state.withLock { [answer, probationEnd] state -> [Step] in
      if let token = answer.token { state.token = token }
      state.holders[node] = answer.holder
      state.errors[node] = answer.error
      state.probationEnds[node] = probationEnd
      return self.apply(.voted(node: node, answer.vote), &state, .now)
    }
    self.perform(steps)
  }

  private struct VoteAnswer: Sendable {
    var vote: Vote
    var token: FencingToken?
    var holder: [UInt8]?
    var error: RedisError?
  }

  /// Reads the answer of the scripts `acquire` and `vote`.
  private static func read(_ reply: PortReply) -> VoteAnswer {
    switch reply.result {
    case .failure(let error): return VoteAnswer(vote: .failed(error.voteFailure), error: error)
    case .success(.array(let values)):
      switch (values.first, values.count) {
      case (.integer(1), 1): return VoteAnswer(vote: .yes)
      case (.integer(1), 2):
        guard case .string(let digits) = values[1], let major = UInt64(String(decoding: digits, as: UTF8.self)) else {
          break
        }
        return VoteAnswer(vote: .yes, token: FencingToken(major: major))
      case (.integer(0), 3):
        guard case .integer(let left) = values[1], case .string(let holder) = values[2] else { break }
        // A key without a TTL answers -1.
        return VoteAnswer(vote: .no(remaining: left < 0 ? nil : .milliseconds(left)), holder: holder)
      default: break
      }
    case .success: break
    }
    let error = RedisError(
      .protocolViolation,
      "The server answered a lock's script with something else than the script does."
    )
    return VoteAnswer(vote: .failed(.inDoubt), error: error)
  }

  private func sendRelease(_ node: Int) {
    let channel = self.servers.settings.turns.usesWakeUps ? Array(self.keys.channel.utf8) : []
    self.servers.ports[node].run(.release, keys: [self.keys.lock], arguments: [self.owner, channel]) { reply in
      let answer: ReleaseReply =
        switch reply.result {
        case .success(.integer(let number)): number > 0 ? .freed(told: Int(number) - 1) : .gone
        case .success: .failed
        case .failure(let error): error.isTransient ? .failed : .refused
        }
      if case .failure(let error) = reply.result { self.noteUnreleased(error, isFinal: answer == .refused) }
      self.handle(.released(node: node, answer))
    }
  }

  // MARK: What could not be given back

  /// How long others wait for what could not be given back, at most.
  private var standsFor: Duration {
    let until = self.state.withLock { $0.standsUntil ?? $0.machine.releaseUntil }
    return max(.zero, until.map { ContinuousClock.now.duration(to: $0) } ?? self.servers.settings.timeToLive)
  }

  private func noteUnreleased(_ error: RedisError, isFinal: Bool) {
    self.state.withLock { $0.releaseError = error }
    // A lost connection is logged by the connection, and the release is tried again.
    guard isFinal || error.code == .server else { return }
    let isLogged = self.state.withLock { state in
      defer { state.isDropLogged = state.isDropLogged || isFinal }
      return state.isDropLogged
    }
    guard !isLogged else { return }
    self.servers.refusals.warn(
      isFinal
        ? "a lock could not be given back; others wait until its TTL ends"
        : "a lock could not be given back yet; this is tried again until its TTL ends",
      error: "\(error)",
      remaining: self.standsFor,
      name: self.contention.name
    )
  }

  /// Logs that the release is given up.
  func dropRelease() {
    let error = self.state.withLock { state -> RedisError?? in
      guard !state.machine.isReleasedAtQuorum, !state.isDropLogged else { return nil }
      state.isDropLogged = true
      return .some(state.releaseError)
    }
    guard let error else { return }
    self.servers.settings.logger.warning(
      "a lock was not given back before its client was shut down; others wait until its TTL ends",
      metadata: Logger.Metadata.lock(self.contention.name, self.contention.backend)
        .and(["error": "\(error ?? .noAnswer)", "lock.remaining": "\(self.standsFor.roundedUp)"])
    )
  }

  private func outcome(of result: ReleaseResult) -> ReleaseOutcome {
    switch result {
    case .released: return .success(nil)
    case .lost:
      let reason = "its key was gone when it was released: deleted by hand, evicted, or forgotten by its server"
      return .failure(.lost(self.contention.name, because: reason))
    case .pending:
      let error = self.state.withLock { $0.releaseError } ?? .noAnswer
      return .success(PendingRelease(reason: "\(error)", standsFor: self.standsFor))
    }
  }
}

extension RedisError {
  fileprivate static let noAnswer = RedisError(.timedOut, "Too few servers answered in time.")
}

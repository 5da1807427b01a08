internal import Latchkey
internal import LatchkeyPrimitives
internal import Logging
internal import ZooKeeper

/// The shell around one ``QueueMachine``: the local line of those who wait, and the requests to the server.
///
/// Events come from callers and, for replies, straight from the client's completion thread; each is handled under one lock,
/// and what it asks for is done after the lock.
final class LockQueue: TermLeaseOwner {
  enum Answer: Sendable {
    case granted(ZooKeeperLease)
    case busy(LockError.Wait)
    case timedOut(LockError.Wait)
    /// Time ran out, and no answer has shown anybody who holds the lock.
    case unanswered(Silence)
    case cancelled
    case failed(LockError)
  }

  /// What there was instead of an answer.
  enum Silence: Sendable {
    case servers
    /// Our node is first, but the session was not proven to live.
    case proof
  }

  typealias Node = QueueNode
  typealias Line = WaitLine<Answer>

  /// A watch or hook, and the session it was registered with.
  struct Registration: Sendable {
    let id: UInt64
    let session: ZKSession
  }

  struct State: Sendable {
    var machine: QueueMachine
    var session: ZKSession?
    var line = Line()
    /// Those in line who would not wait.
    var impatient: Set<Line.ID> = []
    /// Those of them who came after the last list of the queue had been asked for.
    var newcomers: Set<Line.ID> = []
    /// How many in line may run out of time, and will then want to know who holds the lock.
    var timed: Set<Line.ID> = []
    /// Those for whom the servers have not answered anything yet, and until when they wait for that.
    var unanswered: [Line.ID: ContinuousClock.Instant] = [:]
    var isAnswerTimerSet = false
    /// Whether an answer has shown somebody ahead of the present contender.
    var sawSomebodyAhead = false
    var lease: ZooKeeperLease?
    var releases: [QueueNode: CheckedContinuation<ReleaseOutcome, Never>] = [:]
    /// Questions whether a node still stands.
    var questions: [UInt64: NodeQuestion] = [:]
    var nextQuestion: UInt64 = 1
    var errors: [UInt64: LockError] = [:]
    var nextError: UInt64 = 1
    /// How often in a row the servers have refused a request because of their load.
    var refusals = 0
    var predecessorWatch: Registration?
    var ownWatch: Registration?
    var heartbeatHook: Registration?
    var holder: (node: String, description: String)?
    /// The session whose heartbeats are asked to be quorum writes.
    var provenSession: ZKSession?
    /// Keeps the source of session events alive while there is anything to do.
    var anchor: ZooKeeperLocks?
    var isRetired = false
  }

  let name: LockName
  let backend: LockBackend
  let directory: String
  let client: ZooKeeperClient
  let acl: [ACL]
  let data: [UInt8]
  /// How others see us as the holder.
  let ownDescription: String
  /// How the names of all our nodes begin.
  let markPrefix: String
  let logger: Logger
  let state: Locked<State>

  init(name: LockName, directory: String, locks: ZooKeeperLocks, session: ZKSession?) {
    self.name = name
    self.backend = locks.backend
    self.directory = directory
    self.client = locks.client
    self.acl = locks.acl
    self.data = locks.data
    self.ownDescription = locks.ownDescription
    self.markPrefix = ContenderIdentity.prefix(mark: locks.mark)
    self.logger = locks.logger
    let machine = QueueMachine(session: session?.generation) { [mark = locks.mark] _ in
      ContenderIdentity.newIdentifier(mark: mark)
    }
    self.state = Locked(State(machine: machine, session: session))
  }

  /// Called by the registry, under its lock: true if the queue is done with for good.
  func retireIfIdle() -> Bool {
    self.state.withLock { state in
      guard state.machine.isIdle, state.line.isEmpty, state.lease == nil else { return false }
      state.isRetired = true
      return true
    }
  }

  func observe(_ event: ZKSessionEvent) {
    let steps = self.state.withLock { state -> [Step] in
      switch event {
      case .connected(let session):
        state.session = session
        return self.apply(.connected(session: session.generation), &state)
      case .suspended:
        return state.takeQuestions() + self.apply(.suspended, &state)
      case .ended(let session, _):
        return self.apply(.ended(session: session.generation), &state)
      case .closed(let error):
        return self.apply(.closed(state.keep(LockError(self.name, error))), &state)
      }
    }
    self.perform(steps)
  }

  // MARK: Events and what follows

  /// What is left to do after the lock. Requests to the server are actions of the machine; the rest concerns callers.
  enum Step: Sendable {
    case request(QueueAction, ZKSession?)
    case answer(Line.Departure, Answer)
    case watchTerm(ZooKeeperLease)
    case lose(ZooKeeperLease)
    case settle(CheckedContinuation<ReleaseOutcome, Never>, ReleaseOutcome)
    case answerQuestion(NodeQuestion)
    case removeWatch(Registration)
    case cancelHook(Registration)
    case prove(ZKSession)
    case stopProving(ZKSession)
  }

  /// A delete has been answered.
  ///
  /// - Parameter outcome: What that means for a caller that still waits for its first answer; nil to let the machine say.
  func deleted(_ node: QueueNode, _ event: QueueEvent, outcome: ReleaseOutcome?) {
    let steps = self.state.withLock { state -> [Step] in
      var steps: [Step] = []
      if let outcome, let continuation = state.releases.removeValue(forKey: node) {
        steps.append(.settle(continuation, outcome))
      }
      return self.apply(event, &state) + steps
    }
    self.perform(steps)
  }

  /// A release that is finished in the background.
  static let unconfirmed = PendingRelease(reason: "the servers have not confirmed it")

  /// What the first answer to a delete means that finds nothing to delete.
  var goneBeforeRelease: ReleaseOutcome {
    .failure(.lost(self.name, because: "its node was gone when it was released: deleted by hand, or with its session"))
  }

  func handle(_ event: QueueEvent) {
    let steps = self.state.withLock { state in self.apply(event, &state) }
    self.perform(steps)
  }

  /// Runs one event through the machine and resolves, still under the lock, what concerns the line and the lease.
  func apply(_ event: QueueEvent, _ state: inout State) -> [Step] {
    // Asked without telling: handlers run code of others, which must not happen under this lock.
    let termIsLive = state.session?.term.isLive ?? false
    var steps: [Step] = []
    for action in state.machine.handle(event, termIsLive: termIsLive) {
      self.resolve(action, &state, &steps)
    }
    // Whatever ended the wait has been told by now.
    if let error = event.permanentError { state.errors[error] = nil }
    if state.machine.isAnswered { state.unanswered = [:] }
    let wanted = state.machine.needsProof ? state.session : nil
    if wanted !== state.provenSession {
      if let session = state.provenSession { steps.append(.stopProving(session)) }
      // Before the requests: proof is needed from the moment in which our node can exist.
      if let session = wanted { steps.insert(.prove(session), at: 0) }
      state.provenSession = wanted
    }
    if state.machine.isIdle {
      state.refusals = 0
      state.sawSomebodyAhead = false
      if state.lease == nil { state.anchor = nil }
    }
    return steps
  }

  private func resolve(_ action: QueueAction, _ state: inout State, _ steps: inout [Step]) {
    switch action {
    case .grant(let grant, let node):
      guard let head = state.line.head, let session = state.session else {
        preconditionFailure("a grant without anybody in line or without a session")
      }
      // The czxid grows with every grant, over deletion of the directory and change of leader.
      let token = FencingToken(major: UInt64(bitPattern: node.czxid))
      let lease = ZooKeeperLease(owner: self, node: node, grant: grant, token: token, term: session.term)
      state.lease = lease
      state.holder = nil
      state.refusals = 0
      state.sawSomebodyAhead = false
      state.timed.remove(head)
      let isPatient = state.impatient.remove(head) == nil
      state.newcomers.remove(head)
      let answer = Answer.granted(lease)
      steps.append(.watchTerm(lease))
      steps.append(.answer(state.line.leave(head, with: answer), answer))
      for action in state.machine.served(patient: isPatient) { self.resolve(action, &state, &steps) }
    case .lose:
      guard let lease = state.lease else { return }
      state.lease = nil
      steps.append(.lose(lease))
    case .answerImpatient(let place):
      state.newcomers = []
      self.answerImpatient(place, &state, &steps)
    case .answerEarlierImpatient(let place): self.answerImpatient(place, &state, &steps)
    case .fail(let number):
      let error = state.errors.removeValue(forKey: number) ?? self.vanishingDirectory
      let answer = Answer.failed(error)
      for continuation in state.line.leaveAll(with: answer) { steps.append(.answer(.resume(continuation), answer)) }
      state.impatient = []
      state.newcomers = []
      state.timed = []
      state.unanswered = [:]
      state.sawSomebodyAhead = false
    case .releaseSettled(let node):
      guard let continuation = state.releases.removeValue(forKey: node) else { return }
      steps.append(.settle(continuation, .success(state.machine.litter.contains(node) ? Self.unconfirmed : nil)))
    case .forgetWatches:
      if let watch = state.predecessorWatch { steps.append(.removeWatch(watch)) }
      if let watch = state.ownWatch { steps.append(.removeWatch(watch)) }
      if let hook = state.heartbeatHook { steps.append(.cancelHook(hook)) }
      (state.predecessorWatch, state.ownWatch, state.heartbeatHook) = (nil, nil, nil)
    case .behind(let place):
      state.sawSomebodyAhead = true
      guard !state.timed.isEmpty, place.first != nil, place.first != state.holder?.node else { return }
      steps.append(.request(action, state.session))
    case .awaitLiveTerm:
      state.sawSomebodyAhead = false
      steps.append(.request(action, state.session))
    case .enter, .list:
      state.newcomers = []
      steps.append(.request(action, state.session))
    default:
      steps.append(.request(action, state.session))
    }
  }

  /// Tells those who would not wait, except the newcomers, that the lock is busy.
  private func answerImpatient(_ place: QueuePlace, _ state: inout State, _ steps: inout [Step]) {
    let answer = Answer.busy(state.known(of: place, own: self.ownDescription))
    for id in state.impatient.subtracting(state.newcomers) {
      state.timed.remove(id)
      steps.append(.answer(state.line.leave(id, with: answer), answer))
    }
    state.impatient = state.newcomers
  }

  func perform(_ steps: [Step]) {
    for step in steps {
      switch step {
      case .request(let action, let session): self.request(action, session)
      case .answer(let departure, let answer): departure.resume(with: answer)
      case .watchTerm(let lease): lease.watchTerm()
      case .lose(let lease): lease.lose(because: "its node is gone: deleted by hand, or with its session")
      case .settle(let continuation, let outcome): continuation.resume(returning: outcome)
      case .answerQuestion(let question):
        question.resolve(.failure(ZooKeeperError(.connectionLoss, operation: "exists")))
      case .removeWatch(let watch): watch.session.removeWatch(watch.id)
      case .cancelHook(let hook): hook.session.cancelHeartbeatHook(hook.id)
      case .prove(let session): session.retainInterest()
      case .stopProving(let session): session.releaseInterest()
      }
    }
  }

  func path(_ node: String) -> String { "\(self.directory)/\(node)" }

  private var vanishingDirectory: LockError {
    LockError(
      .backendFailure,
      name: self.name,
      message: "the lock's directory \(self.directory) is deleted as fast as it is made; find out who deletes it"
    )
  }
}

extension LockQueue.State {
  /// Keeps an error until the machine decides to tell it.
  mutating func keep(_ error: LockError) -> UInt64 {
    defer { self.nextError += 1 }
    self.errors[self.nextError] = error
    return self.nextError
  }

  /// Takes all questions out, to be told that the connection is lost.
  mutating func takeQuestions() -> [LockQueue.Step] {
    defer { self.questions = [:] }
    return self.questions.values.map { .answerQuestion($0) }
  }

  /// What is known of a place in the queue.
  ///
  /// - Parameter own: How we describe ourselves as the holder.
  func known(of place: QueuePlace?, own: String) -> LockError.Wait {
    if let lease, place == nil || place?.first == lease.node.name { return LockError.Wait(holder: own, place: 1) }
    let holder = self.holder.flatMap { holder in holder.node == place?.first ? holder.description : nil }
    return LockError.Wait(holder: holder ?? place?.first, place: place?.ahead)
  }
}

internal import Latchkey
internal import Logging
internal import ZooKeeper

/// The shell around one ``QueueMachine``: the local line of those who wait, and the requests to the server.
///
/// Events come from callers and, for replies, straight from the client's completion thread; each is handled under one lock,
/// and what it asks for is done after the lock.
final class LockQueue: TermLeaseOwner {
  enum Answer: Sendable {
    case granted(ZooKeeperLease)
    case busy(place: Int?)
    case timedOut(LockError.Wait)
    case cancelled
    case failed(LockError)
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
    /// How many in line may run out of time, and will then want to know who holds the lock.
    var timed: Set<Line.ID> = []
    var lease: ZooKeeperLease?
    var releases: [QueueNode: CheckedContinuation<ReleaseOutcome, Never>] = [:]
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
    self.logger = locks.logger
    let machine = QueueMachine(session: session?.generation, makeIdentifier: { _ in ContenderIdentity.newIdentifier() })
    self.state = Locked(State(machine: machine, session: session))
  }

  // MARK: Callers

  /// Takes a place in the local line; nil if the queue has been swept and another must be taken.
  func join(for locks: ZooKeeperLocks, isPatient: Bool, hasDeadline: Bool) -> Line.ID? {
    let (id, steps) = self.state.withLock { state -> (Line.ID?, [Step]) in
      guard !state.isRetired else { return (nil, []) }
      state.anchor = locks
      let id = state.line.join()
      if !isPatient { state.impatient.insert(id) }
      if hasDeadline { state.timed.insert(id) }
      return (id, self.apply(.joined(patient: isPatient), &state))
    }
    self.perform(steps)
    return id
  }

  func suspend(_ id: Line.ID, _ continuation: Line.Continuation) {
    let early = self.state.withLock { $0.line.suspend(id, continuation) }
    if let early { continuation.resume(returning: early) }
  }

  func leave(_ id: Line.ID, timedOut: Bool) {
    let steps = self.state.withLock { state -> [Step] in
      let answer: Answer = timedOut ? .timedOut(state.knownOfWait(of: id, own: self.ownDescription)) : .cancelled
      let departure = state.line.leave(id, with: answer)
      guard departure.isDelivered else { return [] }
      state.timed.remove(id)
      let isPatient = state.impatient.remove(id) == nil
      return [.answer(departure, answer)] + self.apply(.left(patient: isPatient), &state)
    }
    self.perform(steps)
  }

  func release(_ lease: ZooKeeperLease) async throws(LockError) -> PendingRelease? {
    let outcome: ReleaseOutcome = await withCheckedContinuation { continuation in
      let steps = self.state.withLock { state -> [Step] in
        guard state.lease === lease else { return [.settle(continuation, .success(nil))] }
        state.lease = nil
        state.releases[lease.node] = continuation
        return self.apply(.released(grant: lease.grant), &state)
      }
      self.perform(steps)
    }
    return try outcome.get()
  }

  func releaseInBackground(_ lease: ZooKeeperLease) {
    let steps = self.state.withLock { state -> [Step] in
      guard state.lease === lease else { return [] }
      state.lease = nil
      return self.apply(.released(grant: lease.grant), &state)
    }
    self.perform(steps)
  }

  /// Asks the server whether a node of ours still stands. The deadline itself moves with the session's heartbeats alone: an answer
  /// to a read proves nothing about the session.
  func extend(_ lease: ZooKeeperLease) async throws(LockError) {
    let node = lease.node
    guard let session = self.state.withLock({ $0.session }), session.generation == node.session else {
      throw .lost(self.name, because: "its session is over")
    }
    let result = await askDespiteLoad(until: lease.term.deadline) {
      await withCheckedContinuation { continuation in
        session.exists(self.path(node.name)) { continuation.resume(returning: $0) }
      }
    }
    switch result {
    case .success(.some): return
    case .success(nil): self.handle(.ownGone(node))
    case .failure(let error): throw LockError(self.name, error)
    }
  }

  /// Whether nobody in this process holds the lock or is on the way to it; nil if the queue has been swept.
  var isFreeLocally: Bool? {
    self.state.withLock { state in state.isRetired ? nil : state.machine.isFreeLocally }
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
        return self.apply(.suspended, &state)
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
    let wanted = state.machine.needsProof ? state.session : nil
    if wanted !== state.provenSession {
      if let session = state.provenSession { steps.append(.stopProving(session)) }
      // Before the requests: proof is needed from the moment in which our node can exist.
      if let session = wanted { steps.insert(.prove(session), at: 0) }
      state.provenSession = wanted
    }
    if state.machine.isIdle {
      state.errors = [:]
      state.refusals = 0
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
      state.timed.remove(head)
      let isPatient = state.impatient.remove(head) == nil
      let answer = Answer.granted(lease)
      steps.append(.watchTerm(lease))
      steps.append(.answer(state.line.leave(head, with: answer), answer))
      for action in state.machine.served(patient: isPatient) { self.resolve(action, &state, &steps) }
    case .lose:
      guard let lease = state.lease else { return }
      state.lease = nil
      steps.append(.lose(lease))
    case .answerImpatient(let place):
      let answer = Answer.busy(place: place.ahead)
      for id in state.impatient {
        state.timed.remove(id)
        steps.append(.answer(state.line.leave(id, with: answer), answer))
      }
      state.impatient = []
    case .fail(let number):
      let error = state.errors.removeValue(forKey: number) ?? self.vanishingDirectory
      let answer = Answer.failed(error)
      for continuation in state.line.leaveAll(with: answer) { steps.append(.answer(.resume(continuation), answer)) }
      state.impatient = []
      state.timed = []
    case .releaseSettled(let node):
      guard let continuation = state.releases.removeValue(forKey: node) else { return }
      let outcome: ReleaseOutcome =
        state.machine.litter.contains(node)
        ? .success(PendingRelease(reason: "the servers have not confirmed it")) : .success(nil)
      steps.append(.settle(continuation, outcome))
    case .forgetWatches:
      if let watch = state.predecessorWatch { steps.append(.removeWatch(watch)) }
      if let watch = state.ownWatch { steps.append(.removeWatch(watch)) }
      if let hook = state.heartbeatHook { steps.append(.cancelHook(hook)) }
      (state.predecessorWatch, state.ownWatch, state.heartbeatHook) = (nil, nil, nil)
    case .behind(let place):
      guard !state.timed.isEmpty, place.first != nil, place.first != state.holder?.node else { return }
      steps.append(.request(action, state.session))
    default:
      steps.append(.request(action, state.session))
    }
  }

  private func perform(_ steps: [Step]) {
    for step in steps {
      switch step {
      case .request(let action, let session): self.request(action, session)
      case .answer(let departure, let answer): departure.resume(with: answer)
      case .watchTerm(let lease): lease.watchTerm()
      case .lose(let lease): lease.lose(because: "its node is gone: deleted by hand, or with its session")
      case .settle(let continuation, let outcome): continuation.resume(returning: outcome)
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

  /// What is known for a caller whose time is over.
  ///
  /// - Parameters:
  ///   - id: The caller.
  ///   - own: How we describe ourselves as the holder.
  func knownOfWait(of id: LockQueue.Line.ID, own: String) -> LockError.Wait {
    let before = self.line.countAhead(of: id)
    if self.lease != nil {
      // Another caller of this client has it.
      return LockError.Wait(holder: own, place: before + 1)
    }
    // The first caller's node stands for all.
    let place = self.machine.place
    let holder = self.holder.flatMap { holder in holder.node == place?.first ? holder.description : nil }
    return LockError.Wait(holder: holder ?? place?.first, place: place.map { $0.ahead + before })
  }
}

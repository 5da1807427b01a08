#if Etcd
internal import Latchkey
internal import Logging

/// One grant of an etcd lock: our key, and the term that proves the session behind it.
typealias EtcdLease = TermLease<LockQueue>

/// The shell around one ``QueueMachine``: the local line of those who wait, and the requests to the servers.
///
/// Events come from callers and, for answers, from the connection's thread; each is handled under one lock, and what it asks
/// for is done after the lock.
final class LockQueue: TermLeaseOwner {
  enum Answer: Sendable {
    case granted(EtcdLease)
    case busy(LockError.Wait)
    case timedOut(LockError.Wait, isOutage: Bool)
    case cancelled
    case failed(LockError)
  }

  typealias Node = QueueNode
  typealias Line = WaitLine<Answer>

  struct State: Sendable {
    var machine: QueueMachine
    var session: EtcdSession?
    var line = Line()
    /// The tries in line: callers that do not wait.
    var impatient: Set<Line.ID> = []
    /// The tries that joined while an attempt to enter was on its way.
    var newcomers: Set<Line.ID> = []
    var lease: EtcdLease?
    var releases: [QueueNode: CheckedContinuation<ReleaseOutcome, Never>] = [:]
    var errors: [UInt64: LockError] = [:]
    var nextError: UInt64 = 1
    /// How often an event has shown, or found known, what state the lock is in at the servers.
    var answers: UInt64 = 0
    var predecessorWatch: KeyWatch?
    var ownWatch: KeyWatch?
    var nextParking: UInt64 = 1
    var lateWatch: LateWatches.ID?
    /// Keeps the source of session events alive while there is anything to do.
    var anchor: EtcdLocks?
    var isRetired = false
  }

  let name: LockName
  let backend: LockBackend
  let prefix: [UInt8]
  let client: EtcdClient
  let value: [UInt8]
  /// Which of the client's ``EtcdLocks`` it belongs to.
  let owner: UInt64
  let lateWatches: LateWatches
  let state: Locked<State>

  init(name: LockName, locks: EtcdLocks, session: EtcdSession?) {
    self.name = name
    self.backend = locks.backend
    self.prefix = LockKeys.prefix(of: name, under: locks.configuration.prefix)
    self.client = locks.client
    self.value = locks.value
    self.owner = locks.number
    self.lateWatches = locks.lateWatches
    let machine = QueueMachine(session: session?.generation, sweeps: locks.sweeps)
    self.state = Locked(State(machine: machine, session: session))
  }

  var logger: Logger { self.client.logger }

  /// Our name, as readers of our keys see it.
  private var ownName: String {
    let note = String(decoding: self.value, as: UTF8.self)
    return ContenderDescription.name(note: note, identity: ContenderDescription.thisProcess(label: nil))
  }

  // MARK: Callers

  /// A place in the local line.
  struct Place: Sendable {
    let id: Line.ID
    /// How many answers had come when it was taken.
    fileprivate let answers: UInt64
  }

  /// Takes a place in the local line; nil if the queue has been swept and another must be taken.
  func join(for locks: EtcdLocks, isPatient: Bool) -> Place? {
    let (place, steps) = self.state.withLock { state -> (Place?, [Step]) in
      guard !state.isRetired else { return (nil, []) }
      state.anchor = locks
      let place = Place(id: state.line.join(), answers: state.answers)
      if !isPatient {
        state.impatient.insert(place.id)
        if state.machine.isEntering { state.newcomers.insert(place.id) }
      }
      return (place, self.apply(.joined(patient: isPatient), &state))
    }
    self.perform(steps)
    return place
  }

  func suspend(_ id: Line.ID, _ continuation: Line.Continuation) {
    let early = self.state.withLock { $0.line.suspend(id, continuation) }
    if let early { continuation.resume(returning: early) }
  }

  func cancel(_ id: Line.ID) { self.leave(id) { _ in .cancelled } }

  /// - Parameter waited: How long the caller has waited.
  func timeOut(_ id: Line.ID, waited: Duration) {
    let isSilent = self.client.isSilent
    self.leave(id) { state in
      // A question that was asked a while ago and has no answer: nobody knows who holds the lock.
      let isUnanswered = state.machine.isUnanswered && waited > .milliseconds(250)
      return .timedOut(state.knownOfWait(of: id, own: self.ownName), isOutage: isSilent || isUnanswered)
    }
  }

  /// Ends the wait of a caller if the servers have not answered anything since it came.
  func timeOutIfUnanswered(_ place: Place) {
    self.leave(place.id, if: { $0.machine.isUnanswered && $0.answers == place.answers }) { state in
      .timedOut(state.knownOfWait(of: place.id, own: self.ownName), isOutage: true)
    }
  }

  private func leave(
    _ id: Line.ID,
    if isMeant: @Sendable (State) -> Bool = { _ in true },
    _ answer: @Sendable (State) -> Answer
  ) {
    let steps = self.state.withLock { state -> [Step] in
      guard isMeant(state) else { return [] }
      let answer = answer(state)
      let departure = state.line.leave(id, with: answer)
      guard departure.isDelivered else { return [] }
      let isPatient = state.impatient.remove(id) == nil
      let isNewcomer = state.newcomers.remove(id) != nil
      return [.answer(departure, answer)] + self.apply(.left(patient: isPatient, isNewcomer: isNewcomer), &state)
    }
    self.perform(steps)
  }

  func release(_ lease: EtcdLease) async throws(LockError) -> PendingRelease? {
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

  func releaseInBackground(_ lease: EtcdLease) {
    let steps = self.state.withLock { state -> [Step] in
      guard state.lease === lease else { return [] }
      state.lease = nil
      return self.apply(.released(grant: lease.grant), &state)
    }
    self.perform(steps)
  }

  /// Asks the servers whether a key of ours still stands. The deadline itself moves with the session's heartbeats alone: an answer
  /// to a read proves nothing about the session. Ends with the lease, or when the task is cancelled.
  func extend(_ lease: EtcdLease) async throws(LockError) {
    let node = lease.node
    let answer = SingleAnswer<Result<Bool, EtcdError>>()
    let handler = lease.onEnding(of: lease.grant) { _ in answer.answer(.failure(.sessionOver)) }
    self.look(for: node) { answer.answer($0) }
    let result = await answer.wait(cancelled: .failure(EtcdError(.cancelled, "the call was cancelled")))
    if let handler { lease.removeEndingHandler(handler, of: lease.grant) }
    switch result {
    case .success(true): return
    case .success(false): self.handle(.ownGone(node))
    case .failure(let error) where error.code == .cancelled: throw .cancelled(self.name)
    case .failure(let error) where error.code == .leaseNotFound: lease.lose(because: "its session is over")
    case .failure(let error): throw LockError(self.name, error)
    }
  }

  /// Called by the registry, under its lock: true if the queue is done with for good.
  func retireIfIdle() -> Bool {
    self.state.withLock { state in
      guard state.machine.isIdle, state.line.isEmpty, state.lease == nil else { return false }
      // Those that are left for a moment are given up by themselves.
      guard state.predecessorWatch == nil, state.ownWatch == nil else { return false }
      state.isRetired = true
      return true
    }
  }

  func observe(_ event: EtcdSessionEvent) {
    let steps = self.state.withLock { state -> [Step] in
      switch event {
      case .began(let session):
        state.session = session
        return self.apply(.sessionBegan(session.generation), &state)
      case .ended(let session):
        let steps = self.apply(.sessionEnded(session.generation), &state)
        if state.session === session { state.session = nil }
        return steps
      case .closed(let error):
        return self.apply(.closed(state.keep(LockError(self.name, error))), &state)
      }
    }
    self.perform(steps)
  }

  func recheck() { self.handle(.recheck) }

  // MARK: Events and what follows

  /// What is left to do after the lock. Requests to the servers are actions of the machine; the rest concerns callers.
  enum Step: Sendable {
    case request(QueueAction, EtcdSession?)
    case answer(Line.Departure, Answer)
    case watchTerm(EtcdLease)
    case lose(EtcdLease)
    case settle(CheckedContinuation<ReleaseOutcome, Never>, ReleaseOutcome)
    case giveUpLater(KeyWatch)
    case removeLateWatch(LateWatches.ID)
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
    .failure(
      .lost(
        self.name,
        because: "its key was gone when it was released: deleted by hand, or by a server that revoked its lease"
      )
    )
  }

  func handle(_ event: QueueEvent) {
    let steps = self.state.withLock { state in self.apply(event, &state) }
    self.perform(steps)
  }

  /// Runs one event through the machine and resolves, still under the lock, what concerns the line and the lease.
  func apply(_ event: QueueEvent, _ state: inout State) -> [Step] {
    // Don't fire expiry handlers here: user code must not run under this lock.
    let termIsLive = state.session?.term.isLive ?? false
    var steps: [Step] = []
    for action in state.machine.handle(event, termIsLive: termIsLive) {
      self.resolve(action, &state, &steps)
    }
    if !state.machine.isUnanswered { state.answers += 1 }
    if state.machine.isIdle {
      state.errors = [:]
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
      // All keys of the cluster share one sequence of revisions, and grants follow that of creation.
      let token = FencingToken(major: UInt64(bitPattern: node.revision))
      let lease = EtcdLease(owner: self, node: node, grant: grant, token: token, term: session.term)
      state.lease = lease
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
    case .answerImpatient(let view):
      state.newcomers = []
      self.answerImpatient(view, &state, &steps)
    case .answerEarlierImpatient(let view): self.answerImpatient(view, &state, &steps)
    case .fail(let number):
      let unknown = LockError(.backendFailure, name: self.name, message: "the servers answered with an error")
      let answer = Answer.failed(state.errors.removeValue(forKey: number) ?? unknown)
      for continuation in state.line.leaveAll(with: answer) { steps.append(.answer(.resume(continuation), answer)) }
      state.impatient = []
      state.newcomers = []
    case .releaseSettled(let node):
      guard let continuation = state.releases.removeValue(forKey: node) else { return }
      let outcome: ReleaseOutcome =
        state.machine.litter.contains(node)
        ? .success(PendingRelease(reason: "the servers have not confirmed it")) : .success(nil)
      steps.append(.settle(continuation, outcome))
    case .forgetWatches:
      for watch in [state.park(\.predecessorWatch), state.park(\.ownWatch)].compactMap({ $0 }) {
        // At once: after the lock it might be in use again, and would lose the handler of that use.
        self.client.watches.park(watch.id)
        steps.append(.giveUpLater(watch))
      }
      if let watch = state.lateWatch { steps.append(.removeLateWatch(watch)) }
      state.lateWatch = nil
    default:
      if case .enter = action { state.newcomers = [] }
      steps.append(.request(action, state.session))
    }
  }

  /// Answers all tries but the newcomers with "busy".
  private func answerImpatient(_ view: QueueView, _ state: inout State, _ steps: inout [Step]) {
    let own = state.lease == nil ? nil : self.ownName
    let answer = Answer.busy(LockError.Wait(holder: own ?? view.holder, place: view.ahead))
    for id in state.impatient.subtracting(state.newcomers) {
      steps.append(.answer(state.line.leave(id, with: answer), answer))
    }
    state.impatient = state.newcomers
  }

  func perform(_ steps: [Step]) {
    // Those of one event go together: a delete, and behind it the next attempt to enter.
    var transactions: [TransactionQueue.Entry] = []
    for step in steps {
      switch step {
      case .request(let action, let session): self.request(action, session, &transactions)
      case .answer(let departure, let answer): departure.resume(with: answer)
      case .watchTerm(let lease): lease.watchTerm()
      case .lose(let lease): lease.lose(because: Self.lossByDeletion)
      case .settle(let continuation, let outcome): continuation.resume(returning: outcome)
      case .giveUpLater(let watch): self.giveUpLater(watch)
      case .removeLateWatch(let watch): self.lateWatches.remove(watch)
      }
    }
    if !transactions.isEmpty { self.client.transactions.submit(transactions) }
  }

  private static let lossByDeletion = """
    its key is gone: its session ended, somebody deleted it, or a server revoked the lease that it should have kept \
    (etcd before 3.4.31 and 3.5.13 does that when a leader is deposed, etcd issue 15247)
    """
}

extension LockQueue.State {
  /// Notes that a watch is of no use for now.
  ///
  /// - Returns: The watch, if it was in use.
  mutating func park(_ which: WritableKeyPath<LockQueue.State, KeyWatch?>) -> KeyWatch? {
    guard var watch = self[keyPath: which], watch.parking == nil else { return nil }
    watch.parking = self.nextParking
    self.nextParking += 1
    self[keyPath: which] = watch
    return watch
  }

  /// Keeps an error until the machine decides to tell it.
  mutating func keep(_ error: LockError) -> UInt64 {
    defer { self.nextError += 1 }
    self.errors[self.nextError] = error
    return self.nextError
  }

  /// - Parameters:
  ///   - id: The caller that has waited.
  ///   - own: This client's name.
  func knownOfWait(of id: LockQueue.Line.ID, own: String) -> LockError.Wait {
    let before = self.line.countAhead(of: id)
    if self.lease != nil {
      // Another caller of this client has it.
      return LockError.Wait(holder: own, place: before + 1)
    }
    // The first caller's key stands for all.
    let view = self.machine.view
    return LockError.Wait(holder: view?.holder, place: view?.ahead.map { $0 + before })
  }
}
#endif

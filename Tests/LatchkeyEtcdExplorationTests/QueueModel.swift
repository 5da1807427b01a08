#if Etcd
import Latchkey
import LatchkeyExplorer
import LatchkeyTestSupport
import LatchkeyTesting

@testable import LatchkeyEtcd

/// Clients that contend for one etcd lock, each with the real state machine, at a server, with every message in between in the
/// open and a number of faults, of which it is settled first whom they may strike.
struct QueueModel: ExplorationModel {
  /// How what surrounds the machine behaves; a mutant is a changed line.
  struct Shell {
    /// A key is deleted only if it is still the one that was created.
    var comparesOnDelete = true
    /// One's own key is watched beside the predecessor's.
    var watchesOwnKey = true
    /// A watch that was set before is taken for one that tells all since the last read, whatever it has told meanwhile.
    var trustsOldWatches = false
    /// The deadline passes before the server can end the session.
    var deadlineComesFirst = true
    /// What is read in one transaction with deletes counts as read a revision earlier.
    var datesSharedReads = true
    /// The revision of a new key is known though it is not among the newest that were read.
    var knowsOwnRevision = true
  }

  enum Fault: CaseIterable {
    case cancel, loseAnswer, delayRequest, failEntry, loseEvent, breakStream, pause, deleteByHand, restart
  }

  enum Step: Hashable {
    /// It is settled how many faults each client may be struck by, and last the server.
    case foresee([Int])
    case join(Int)
    case release(Int)
    case serve(Int)
    /// What two clients, or one, have asked for is carried out in one transaction, the first one's before the second one's.
    case serveTogether(Int, Int)
    /// An entry is carried out in one transaction with entries into the queues of nested names.
    case serveAmongNested(Int)
    case hearAnswer(Int)
    case hearEvent(Int)
    case setWatch(Int, Int)
    case watchLate(Int)
    case recheck(Int)
    /// A copy of a request that was thought lost is carried out.
    case ghost(Int, Int)
    /// The client finds its deadline passed, and begins another session.
    case renew(Int)
    /// The server ends a session that its client has given up, or whose deadline has passed.
    case expire(Int, UInt64)
    case cancel(Int)
    case loseAnswer(Int)
    case delayRequest(Int)
    /// The server answers an entry with an error, whether or not it has carried it out.
    case failEntry(Int, isWritten: Bool)
    case loseEvent(Int)
    case breakStream(Int)
    case pause(Int)
    case deleteByHand(Int)
    case restart
  }

  struct State {
    var server: ModelServer
    var clients: [ModelClient]
    /// How many faults may yet strike each client, and last the server; nil until that is settled.
    var plan: [Int]?
    var nextSession: UInt64
    var lastToken: Int64 = 0
    /// Revisions of keys that somebody deleted by hand: their holders are not protected.
    var deletedByHand: [Int64] = []
  }

  var rules = KeyQueue.Rules()
  var shell = Shell()
  /// The rules for what shares a transaction.
  var scheduling = TransactionSchedule<ModelTransaction>.Rules()
  /// Whether the clients are sets of locks of one process, whose requests may share a transaction.
  var sharesFlights = false
  /// Whether others of the process contend for nested names.
  var hasNestedNeighbours = false
  /// Stands for an entry which the server has failed.
  static let failure = LockFailure(LockError(.backendFailure, name: .modelled, message: "the entry failed"))
  /// For each client, who asks: whether each caller is patient.
  let callers: [[Bool]]
  let budget: Int
  let faults: Set<Fault>
  /// Whether steps are taken alone whose order cannot matter.
  var isReduced = true

  init(callers: [[Bool]], faults budget: Int, of faults: [Fault] = Fault.allCases) {
    self.callers = callers
    self.budget = budget
    self.faults = Set(faults)
  }

  var start: State {
    let sessions = self.callers.indices.map { UInt64($0) + 1 }
    return State(
      server: ModelServer(sessions: sessions),
      clients: zip(sessions, self.callers).map { ModelClient(session: $0, callers: $1, rules: self.rules) },
      plan: nil,
      nextSession: UInt64(sessions.count) + 1
    )
  }

  /// Every way to settle whom so many faults may strike. A budget that is open to all would keep every message in doubt until it
  /// is used up; under a plan it is known from the first step on who is spared. Whatever happens with at most so many faults is
  /// possible under one of the plans, since a fault that is planned need not strike.
  private var plans: [[Int]] {
    var targets = self.faults == [.restart] ? [] : Array(self.callers.indices)
    if self.faults.contains(.restart) { targets.append(self.callers.count) }
    var plans: Set<[Int]> = [Array(repeating: 0, count: self.callers.count + 1)]
    for _ in 0..<self.budget {
      plans = plans.reduce(into: []) { longer, plan in
        for target in targets {
          var plan = plan
          plan[target] += 1
          longer.insert(plan)
        }
      }
    }
    return plans.sorted { $0.lexicographicallyPrecedes($1) }
  }

  // MARK: What may happen

  func steps(from state: State) -> [Step] {
    guard let plan = state.plan else { return self.plans.map { .foresee($0) } }
    if self.isReduced, let steps = self.sufficientSteps(from: state, plan) { return steps }
    var steps: [Step] = []
    for index in state.clients.indices { self.addSteps(of: index, state, plan, &steps) }
    guard plan[state.clients.count] > 0 else { return steps }
    if state.clients.count(where: { !$0.watches.isEmpty }) > 1 { steps.append(.restart) }
    return steps
  }

  func addSteps(of index: Int, _ state: State, _ plan: [Int], _ steps: inout [Step]) {
    let client = state.clients[index]
    if !client.callers.isEmpty { steps.append(.join(index)) }
    if client.hold != nil { steps.append(.release(index)) }
    if !client.requests.isEmpty { steps.append(.serve(index)) }
    self.addSharedFlights(of: index, state, &steps)
    if !client.answers.isEmpty { steps.append(.hearAnswer(index)) }
    if !client.events.isEmpty { steps.append(.hearEvent(index)) }
    for position in client.watches.indices where !client.watches[position].isSet {
      steps.append(.setWatch(index, position))
    }
    if client.late != nil { steps.append(.watchLate(index)) }
    if client.needsRecheck, client.ghosts.isEmpty, client.requests.isEmpty, client.answers.isEmpty {
      steps.append(.recheck(index))
    }
    for position in client.ghosts.indices { steps.append(.ghost(index, position)) }
    if !client.hasLiveTerm {
      steps.append(.renew(index))
      if state.server.sessions.contains(client.session) { steps.append(.expire(index, client.session)) }
    }
    for session in client.oldSessions { steps.append(.expire(index, session)) }
    guard plan[index] > 0 else { return }
    if self.faults.contains(.cancel), !client.waiting.isEmpty { steps.append(.cancel(index)) }
    guard client.isBusy else { return }
    if let request = client.requests.first, !request.action.isRead {
      if self.faults.contains(.loseAnswer) { steps.append(.loseAnswer(index)) }
      if self.faults.contains(.delayRequest) { steps.append(.delayRequest(index)) }
      if self.faults.contains(.failEntry), case .enter = request.action {
        steps += [.failEntry(index, isWritten: false), .failEntry(index, isWritten: true)]
      }
    }
    if self.faults.contains(.loseEvent), let event = client.events.first, event.isDeletion {
      steps.append(.loseEvent(index))
    }
    if self.faults.contains(.breakStream), !client.watches.isEmpty { steps.append(.breakStream(index)) }
    if self.faults.contains(.pause), client.hasLiveTerm { steps.append(.pause(index)) }
    if self.faults.contains(.deleteByHand), state.server.keys.contains(where: { $0.session == client.session }) {
      steps.append(.deleteByHand(index))
    }
    if !self.shell.deadlineComesFirst, client.hasLiveTerm { steps.append(.expire(index, client.session)) }
  }

  func isFault(_ step: Step, in state: State) -> Bool { self.target(of: step, in: state) != nil }

  /// Whom a step strikes, if it is a fault: a client, or else the server.
  private func target(of step: Step, in state: State) -> Int? {
    switch step {
    case .cancel(let index), .loseAnswer(let index), .delayRequest(let index), .failEntry(let index, _),
      .loseEvent(let index), .breakStream(let index), .pause(let index), .deleteByHand(let index):
      index
    case .restart: state.clients.count
    case .expire(let index, let session):
      state.clients[index].session == session && state.clients[index].hasLiveTerm ? index : nil
    default: nil
    }
  }

  func take(_ step: Step, in state: inout State) throws(BrokenPromise) {
    if let target = self.target(of: step, in: state) { state.plan?[target] -= 1 }
    switch step {
    case .foresee(let plan): state.plan = plan
    case .join(let index):
      let patient = state.clients[index].callers.removeFirst()
      state.clients[index].waiting.append(patient)
      if !patient {
        state.clients[index].undisturbed += 1
        if !state.clients[index].machine.isFree { state.clients[index].newcomers += 1 }
        self.noteHolders(&state)
      }
      try self.changeDemand(index, &state)
    case .cancel(let index):
      let patient = state.clients[index].waiting.removeLast()
      let isNewcomer = !patient && state.clients[index].newcomers > 0
      if isNewcomer { state.clients[index].newcomers -= 1 }
      if !patient { state.clients[index].undisturbed = max(0, state.clients[index].undisturbed - 1) }
      try self.changeDemand(index, &state)
    case .release(let index):
      guard let hold = state.clients[index].hold else { return }
      state.clients[index].hold = nil
      state.clients[index].releasing.insert(hold.node)
      try self.step(index, &state) { $0.released(hold.node, $1) }
    case .serve(let index):
      let request = state.clients[index].requests.removeFirst()
      let answer = self.carryOut(request.action, index, copies: request.copies, &state)
      if let answer { state.clients[index].answers.append(answer) }
    case .serveTogether(let first, let second):
      self.serveTogether(first == second ? [first] : [first, second], &state)
    case .serveAmongNested(let index):
      let request = state.clients[index].requests.removeFirst()
      let before = state.server.keys.count
      var answer = self.carryOut(request.action, index, copies: request.copies, &state)
      if !self.shell.knowsOwnRevision, state.server.keys.count > before,
        case .entered(let attempt, .success, let node, let copies) = answer
      {
        let busy = KeyQueueEntry.busy(KeyQueueView(ahead: state.server.keys.count))
        answer = .entered(attempt: attempt, .success(busy), node: node, copies: copies)
      }
      if let answer { state.clients[index].answers.append(answer) }
    case .failEntry(let index, let isWritten):
      let request = state.clients[index].requests.removeFirst()
      guard case .enter(let attempt, _, _, _) = request.action else { return }
      if isWritten { _ = self.carryOut(request.action, index, copies: 0, &state) }
      let node = self.node(of: request.action, index)
      state.clients[index].answers.append(
        .entered(attempt: attempt, .failure(.failed(Self.failure)), node: node, copies: request.copies)
      )
    case .hearAnswer(let index): try self.feed(state.clients[index].answers.removeFirst(), index, &state)
    case .hearEvent(let index): try self.hear(index, &state)
    case .setWatch(let index, let position): self.setWatch(index, position, &state)
    case .watchLate(let index):
      guard let node = state.clients[index].late else { return }
      state.clients[index].late = nil
      try self.watchOwn(node, index, &state)
    case .recheck(let index):
      let isSeen = state.clients[index].machine.heedsRecheck
      try self.feed(.recheck, index, &state)
      if isSeen { state.clients[index].needsRecheck = false }
    case .ghost(let index, let position):
      let action = state.clients[index].ghosts.remove(at: position)
      let before = state.server.keys.count
      _ = self.carryOut(action, index, copies: 0, &state)
      if state.server.keys.count > before { state.clients[index].needsRecheck = true }
    case .loseAnswer(let index):
      state.clients[index].requests[0].copies += 1
      _ = self.carryOut(state.clients[index].requests[0].action, index, copies: 0, &state)
      try self.delay(index, &state)
    case .delayRequest(let index):
      state.clients[index].requests[0].copies += 1
      state.clients[index].ghosts.append(state.clients[index].requests[0].action)
      try self.delay(index, &state)
    case .loseEvent(let index):
      state.clients[index].events.removeFirst()
      state.clients[index].needsRecheck = true
    case .breakStream(let index): self.breakStream(index, &state)
    case .restart: for index in state.clients.indices { self.breakStream(index, &state) }
    case .pause(let index):
      state.clients[index].hasLiveTerm = false
      state.clients[index].hold?.isHeld = false
    case .deleteByHand(let index):
      let session = state.clients[index].session
      guard let key = state.server.keys.first(where: { $0.session == session }) else { return }
      state.deletedByHand.append(key.revision)
      self.delete(key.name, revision: key.revision, &state)
    case .expire(let index, let session):
      state.clients[index].oldSessions.removeAll { $0 == session }
      for key in state.server.end(session) { self.tell(key, &state) }
      // Nothing comes of a request whose session is over.
      state.clients[index].ghosts.removeAll { $0.session == session }
    case .renew(let index): try self.renew(index, &state)
    }
    self.noteHolders(&state)
  }

  /// Notes which tries have seen the lock in other hands: held, or wanted by somebody who came before them.
  func noteHolders(_ state: inout State) {
    for index in state.clients.indices {
      let client = state.clients[index]
      if !state.server.keys.isEmpty || client.hold != nil || client.waiting.contains(true) {
        state.clients[index].undisturbed = 0
      }
    }
  }

  // MARK: What must be

  func check(_ state: State) throws(BrokenPromise) {
    var holder: Int?
    for (index, client) in state.clients.enumerated() {
      if !client.releasing.isEmpty, client.requests.isEmpty, client.answers.isEmpty {
        throw BrokenPromise("\(Self.name(index)) gives the lock back and is never answered")
      }
      guard let hold = client.hold, hold.isHeld else { continue }
      if state.deletedByHand.contains(hold.node.revision) {
        let isQuiet =
          client.requests.isEmpty && client.answers.isEmpty && client.events.isEmpty && client.late == nil
          && client.watches.allSatisfy(\.isSet) && !client.needsRecheck
        guard !isQuiet else {
          throw BrokenPromise("\(Self.name(index)) is never told that its key was deleted by hand")
        }
        continue
      }
      if let holder { throw BrokenPromise("\(Self.name(holder)) and \(Self.name(index)) hold the lock at once") }
      holder = index
    }
  }

  func isAtRest(_ state: State) -> Bool {
    state.server.keys.isEmpty
      && state.clients.allSatisfy { !$0.isBusy && $0.ghosts.isEmpty && $0.releasing.isEmpty }
  }

  static func name(_ client: Int) -> String { ["Ann", "Bob", "Cay", "Dan"][client] }
}
#endif

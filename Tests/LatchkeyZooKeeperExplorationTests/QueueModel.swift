import Latchkey
import LatchkeyExplorer
import LatchkeyTesting

@testable import LatchkeyZooKeeper

/// Clients that contend for one ZooKeeper lock, each with the real state machine, at a server, with every message in between
/// in the open and a budget of faults.
struct QueueModel: ExplorationModel {
  /// How what surrounds the machine behaves; a mutant is a changed line.
  struct Shell {
    /// Recovery looks for nodes with the identifier of the attempt, and takes them only if the session owns them.
    var checksOwnership = true
    /// A watch on a node that is gone already reports that.
    var reportsMissingNodes = true
    /// An attempt in another session gets another identifier, and one that is made again the same.
    var watchesOwnNode = true
    /// A reader waits for writers that wait themselves.
    var readersWaitForWaitingWriters = true
    /// The nearest blocker is one that blocks.
    var nearestOneBlocks = true
    /// A try asks the servers, though tries before it in this process have had an answer.
    var asksBehindTries = true
    /// A node that takes another's place has its number.
    var keepsNumber = true
    /// A node is replaced in one transaction.
    var replacesAtOnce = true
    /// Who would write after reading lists behind the transaction.
    var listsBehindReplacement = true
    /// Who would write after reading gives way to every other contender.
    var givesWayToAll = true
    /// What became of a replacement is looked for by the node's whole name.
    var findsByName = true
    /// Callers that come after the grant do not share it.
    var closesBatches = true
    /// Who shares a node with others of its process does not write.
    var sparesBatches = true
    /// The deadline passes before the server can end the session.
    var deadlineComesFirst = true
  }

  enum Fault: CaseIterable {
    case cancel, cut, loseReply, pause, deleteByHand, restart
    /// The server refuses a request because of its load.
    case refuse
    /// The server refuses to set the watches again after a reconnect.
    case loseWatches
    /// The library keeps the last request over a lost connection, and sends it on the next one.
    case keep
    /// A create that was read from a lost connection is carried out at any later time.
    case delay
    /// The server of the next connection lags behind.
    case lag
    /// An answer about an earlier blocker comes late: a thread of the client had asked for it before, and was held up.
    case answerLate
    /// The server refuses a request for good.
    case deny
    case close
  }

  enum Step: Hashable {
    case join(Int)
    case release(Int, hold: Int)
    case convert(Int, hold: Int)
    case serve(Int)
    case hear(Int)
    case reconnect(Int)
    case reconnectUnwatched(Int)
    /// The pause after a refusal is over.
    case resume(Int)
    case beat(Int)
    case prove(Int)
    /// The server ends the session of a client whose deadline has passed.
    case expire(Int)
    /// The client hears that its session is over, and gets another.
    case renew(Int)
    case cancel(Int)
    /// The first in line is cancelled, before one that wants something else.
    case cancelFirst(Int)
    case cut(Int, carriedOut: Int)
    case cutKeeping(Int)
    case cutDelaying(Int)
    case cutLagging(Int)
    /// A create of a connection that is lost is carried out.
    case arrive(Int)
    case answerLate(Int)
    case deny(Int)
    case close(Int)
    /// The server answers a request of a session that is over.
    case reject(Int)
    /// Somebody asks once more, in a process that has left a node of which it does not know.
    case askAgain(Int)
    case loseReply(Int)
    /// Of create and list, the list alone can be refused.
    case refuse(Int, onlyList: Bool)
    case pause(Int)
    case deleteByHand(Int, String)
    case restart
    /// A client of another kind, which holds the lock for writing, goes on reading in the same place.
    case downgradeOutsider
    case releaseOutsider
  }

  struct State {
    var server: ModelServer
    var clients: [ModelClient]
    var faults: Int
    var nextSession: UInt64
    /// The greatest token that was granted to a node of each marker.
    var lastTokens = SIMD4<Int64>(repeating: 0)
    /// The nodes of a client of another kind.
    var outsider: [String] = []
    /// Nodes that somebody deleted by hand: their holders are not protected.
    var deletedByHand: [String] = []
  }

  var rules = NodeQueue.Rules()
  var shell = Shell()
  /// Whether it is a mistake already if a client deletes the node that it holds, though nobody else holds the lock yet: with one client
  /// nobody else can.
  var checksHeldNodes = false
  /// Whether it is a mistake already if a client comes before one that came first, though nobody holds the lock with it yet.
  var checksOrder = false
  /// For a question to the explorer: whether two clients ever share the lock.
  var isSharingWrong = false
  /// For each client, who asks.
  let callers: [[ModelCaller]]
  /// The grant rules of each client.
  var grants: [@Sendable (Want) -> GrantRule]
  /// Whether a client of another kind holds the lock for writing at the start, and may go on reading.
  var startsWithOutsider = false
  let budget: Int
  let faults: Set<Fault>
  let isDirectoryMade: Bool

  /// - Parameter callers: For each client, who asks for the lock: whether each caller is patient.
  init(callers: [[Bool]], faults budget: Int, of faults: [Fault] = Fault.allCases, isDirectoryMade: Bool = true) {
    let callers = callers.map { $0.map { ModelCaller(isPatient: $0) } }
    let grants = callers.map { _ in { @Sendable (_: Want) in GrantRule.mutex } }
    self.init(callers, by: grants, faults: budget, of: faults, isDirectoryMade: isDirectoryMade)
  }

  /// - Parameter grants: The grant rules of each client.
  init(
    _ callers: [[ModelCaller]],
    by grants: [@Sendable (Want) -> GrantRule],
    faults budget: Int,
    of faults: [Fault] = Fault.allCases,
    isDirectoryMade: Bool = true
  ) {
    self.callers = callers
    self.grants = grants
    self.budget = budget
    self.faults = Set(faults)
    self.isDirectoryMade = isDirectoryMade
  }

  var start: State {
    let clients = self.callers.enumerated().map { number, callers in
      let machine = NodeQueue(
        rule: self.grants[number],
        session: UInt64(number) + 1,
        rules: self.rules,
        directoryVanishes: .modelled,
        directoryIsMixed: .modelled,
        makeIdentifier: { "\(number).\($0)" }
      )
      return ModelClient(session: UInt64(number) + 1, callers: callers, machine: machine)
    }
    var state = State(
      server: ModelServer(isDirectoryMade: self.isDirectoryMade),
      clients: clients,
      faults: self.budget,
      nextSession: UInt64(clients.count) + 1
    )
    if self.startsWithOutsider, let node = state.server.create("9.", .writing, session: 0) {
      state.outsider = [node.name]
    }
    return state
  }

  // MARK: What may happen

  func steps(from state: State) -> [Step] {
    var steps: [Step] = []
    for index in state.clients.indices { self.addSteps(of: index, state, &steps) }
    if state.faults > 0, self.faults.contains(.restart) {
      // For one client it is the same as a cut.
      if state.clients.count(where: { $0.isConnected && $0.isBusy }) > 1 { steps.append(.restart) }
    }
    for number in state.server.lateCreates.indices { steps.append(.arrive(number)) }
    if let first = state.outsider.first {
      if ModelMarker(of: first) == .writing { steps.append(.downgradeOutsider) }
      if state.outsider.count == 1 { steps.append(.releaseOutsider) }
    }
    return steps
  }

  private func addSteps(of index: Int, _ state: State, _ steps: inout [Step]) {
    let client = state.clients[index]
    guard !client.isClosed else { return }
    if client.leavesUnknownNode(in: state.server) { steps.append(.askAgain(index)) }
    if !client.callers.isEmpty { steps.append(.join(index)) }
    for (number, hold) in client.holds.enumerated() {
      if hold.isConverting ? !hold.isHeld : hold.then.isEmpty || !hold.isHeld {
        steps.append(.release(index, hold: number))
      } else if !hold.isConverting {
        steps.append(.convert(index, hold: number))
      }
    }
    if !client.isSessionAlive { steps.append(.renew(index)) }
    if client.isConnected {
      if client.isSessionAlive {
        if !client.requests.isEmpty { steps.append(.serve(index)) }
        if !client.laterWatches.isEmpty { steps.append(.beat(index)) }
        if !client.hasLiveTerm { steps.append(.prove(index)) }
      } else if !client.requests.isEmpty {
        steps.append(.reject(index))
      }
      if !client.replies.isEmpty { steps.append(.hear(index)) }
    } else if client.isSessionAlive {
      steps.append(.reconnect(index))
    }
    if !client.pauses.isEmpty { steps.append(.resume(index)) }
    if client.isSessionAlive, !client.hasLiveTerm { steps.append(.expire(index)) }
    guard state.faults > 0 else { return }
    if self.faults.contains(.cancel), !client.waiting.isEmpty {
      steps.append(.cancel(index))
      if client.isAheadOfAnotherWant { steps.append(.cancelFirst(index)) }
    }
    guard client.isBusy else { return }
    if client.isBehindLaterOne { steps.append(.answerLate(index)) }
    if self.faults.contains(.close) { steps.append(.close(index)) }
    if client.isConnected, client.isSessionAlive {
      if self.faults.contains(.cut) {
        for carriedOut in 0...client.requests.count { steps.append(.cut(index, carriedOut: carriedOut)) }
      }
      if self.faults.contains(.keep), client.halfway == nil, let last = client.requests.last, !last.isWatch {
        steps.append(.cutKeeping(index))
      }
      if client.requests.contains(where: \.isCreate) {
        if self.faults.contains(.delay) { steps.append(.cutDelaying(index)) }
        if self.faults.contains(.lag) { steps.append(.cutLagging(index)) }
      }
      if self.faults.contains(.deny), client.halfway == nil, client.requests.first?.denial != nil {
        steps.append(.deny(index))
      }
      if self.faults.contains(.refuse), let request = client.requests.first {
        steps.append(.refuse(index, onlyList: false))
        if case .enter = request { steps.append(.refuse(index, onlyList: true)) }
      }
      if self.faults.contains(.loseReply), case .reply(let reply)? = client.replies.first?.message, reply.canBeLost {
        steps.append(.loseReply(index))
      }
      if self.faults.contains(.deleteByHand) {
        for node in state.server.nodes where node.session == client.session {
          steps.append(.deleteByHand(index, node.name))
        }
      }
    }
    if self.faults.contains(.loseWatches), !client.isConnected, client.isSessionAlive, !client.watches.isEmpty {
      steps.append(.reconnectUnwatched(index))
    }
    if self.faults.contains(.pause), client.hasLiveTerm { steps.append(.pause(index)) }
    if !self.shell.deadlineComesFirst, client.isSessionAlive { steps.append(.expire(index)) }
  }

  func isFault(_ step: Step, in state: State) -> Bool {
    switch step {
    case .cancel, .cancelFirst, .cut, .cutKeeping, .cutDelaying, .cutLagging, .answerLate, .loseReply, .refuse, .deny,
      .reconnectUnwatched, .pause, .deleteByHand, .restart, .close:
      true
    case .expire(let index): state.clients[index].hasLiveTerm
    default: false
    }
  }

  func take(_ step: Step, in state: inout State) throws(BrokenPromise) {
    if self.isFault(step, in: state) { state.faults -= 1 }
    switch step {
    case .join(let index):
      let caller = state.clients[index].callers.removeFirst()
      if caller.isPatient { try self.join(index, caller, &state) } else { try self.joinTry(index, caller, &state) }
    case .askAgain(let index): try self.join(index, ModelCaller(), &state)
    case .cancel(let index):
      let isPatient = state.clients[index].waiting.removeLast().isPatient
      let isNewcomer = !isPatient && state.clients[index].newcomers > 0
      if isNewcomer { state.clients[index].newcomers -= 1 }
      if !isPatient { state.clients[index].undisturbed = max(0, state.clients[index].undisturbed - 1) }
      try self.changeDemand(index, &state)
    case .cancelFirst(let index):
      state.clients[index].waiting.removeFirst()
      try self.changeDemand(index, &state)
    case .downgradeOutsider: self.downgradeOutsider(&state)
    case .releaseOutsider: self.fire(state.server.delete(state.outsider.removeFirst()) ?? [], &state)
    case .release(let index, let number):
      let hold = state.clients[index].holds.remove(at: number)
      // What becomes of a node that is being replaced, nobody waits for.
      if !hold.isConverting { state.clients[index].releasing.append(hold.node) }
      try self.step(index, &state) { $0.released(hold.node, $1) }
    case .convert(let index, let number): try self.convert(index, number, &state)
    case .serve(let index):
      let request = state.clients[index].requests[0]
      let reply = self.carryOut(request, index, &state)
      if state.clients[index].halfway == nil { state.clients[index].requests.removeFirst() }
      if let reply { self.post(reply, to: index, &state) }
    case .hear(let index): try self.hear(index, &state)
    case .reconnect(let index): try self.reconnect(index, areWatchesSet: true, &state)
    case .reconnectUnwatched(let index): try self.reconnect(index, areWatchesSet: false, &state)
    case .resume(let index):
      let pause = state.clients[index].pauses.removeFirst()
      try self.feed(.pauseOver(pause), index, &state)
    case .beat(let index):
      let later = state.clients[index].laterWatches.removeFirst()
      state.clients[index].watches.append(ModelClient.Watch(name: later.node.name))
      state.clients[index].requests.append(.watchOwn(later.node, watch: later.number))
    case .prove(let index): try self.prove(index, &state)
    case .expire(let index):
      let fired = state.server.expire(state.clients[index].session)
      self.fire(fired, &state)
      state.clients[index].isSessionAlive = false
    case .renew(let index): try self.renew(index, &state)
    case .cut(let index, let carriedOut): try self.cut(index, carriedOut: carriedOut, &state)
    case .cutKeeping(let index):
      let request = state.clients[index].requests.removeLast()
      try self.cut(index, carriedOut: 0, &state)
      state.clients[index].kept = [request]
    case .cutDelaying(let index):
      for case .enter(_, let identifier, let rule, let session) in state.clients[index].requests {
        let marker = ModelMarker(rule.ownMarker)
        state.server.lateCreates.append(.init(identifier: identifier, marker: marker, session: session))
      }
      try self.cut(index, carriedOut: 0, &state)
    case .cutLagging(let index):
      let before = state.server.nodes
      try self.cut(index, carriedOut: state.clients[index].requests.count, &state)
      state.clients[index].laggingNodes = before
    case .answerLate(let index):
      guard let (attempt, name) = state.clients[index].blockers.first else { return }
      try self.feed(.blockerWatched(attempt: attempt, name: name, .failure(.noNode)), index, &state)
    case .arrive(let number): state.server.arrive(number)
    case .reject(let index):
      let request = state.clients[index].requests.removeFirst()
      if let reply = request.reply(.sessionOver) { self.post(.reply(reply), to: index, &state) }
    case .deny(let index):
      guard let denial = state.clients[index].requests.removeFirst().denial else { return }
      state.clients[index].isDenied = true
      self.post(.reply(denial), to: index, &state)
    case .close(let index): try self.close(index, &state)
    case .loseReply(let index):
      guard case .reply(let reply) = state.clients[index].replies.removeFirst().message else { return }
      try self.feed(reply.inDoubt, index, &state)
    case .refuse(let index, let onlyList):
      let request = state.clients[index].requests.removeFirst()
      state.clients[index].halfway = nil
      self.post(self.refuse(request, onlyList: onlyList, index, &state), to: index, &state)
    case .pause(let index): self.lapse(index, &state)
    case .deleteByHand(_, let name):
      state.deletedByHand.append(name)
      self.fire(state.server.delete(name) ?? [], &state)
    case .restart:
      for index in state.clients.indices where state.clients[index].isConnected && state.clients[index].isSessionAlive {
        try self.cut(index, carriedOut: 0, &state)
      }
    }
    self.noteHolders(&state)
  }
}

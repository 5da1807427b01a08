import Latchkey
import LatchkeyExplorer
import LatchkeyTestSupport
import LatchkeyTesting

@testable import LatchkeyRedis

/// Clients that contend for one lock at one Redis server or at a quorum of several, each with the real state machines of the lock
/// and of attempts or votes, with every message in between in the open, a budget of faults, and time in ticks.
///
/// A key stands for two ticks by the servers' clocks, which run as fast as the allowance for drift permits: two ticks are a
/// hundredth less than the TTL. Time may pass at any moment, so any client may be paused for any while, at no cost.
struct LockModel: ExplorationModel {
  /// What the scripts do, and what surrounds the machines; a mutant is a changed line.
  struct Shell {
    /// The deadline counts from the sending of the request, not from the decision.
    var countsFromSending = true
    /// Something is taken off the TTL for clocks that run apart.
    var allowsForDrift = true
    /// A release deletes the owner's key only.
    var comparesOnRelease = true
    /// Tokens grow with the server's clock, also when their counter is lost.
    var mintsByClock = true
    /// An owner whose key stands is told so when it asks again.
    var knowsOwner = true
    /// A server that was started again is on probation.
    var hasProbation = true
  }

  enum Fault: CaseIterable {
    case cancel, cut, restart, forget, impatience, loseWord
    /// Somebody deletes a key by hand.
    case delete
    /// A server that has long been up takes over the address of another one, without its keys.
    case replace
  }

  enum Step: Hashable {
    case join(Int)
    case release(Int)
    case serve(Int, node: Int)
    case hear(Int, node: Int)
    case alarm(Int)
    case retry(Int, Int)
    case serveSubscription(Int)
    case hearSubscribed(Int)
    case hearWord(Int)
    /// A request of a connection that was given up is carried out after all.
    case arriveLate(Int, Int)
    case tick
    case cancel(Int)
    case cut(Int, node: Int, Fate)
    case restart(node: Int)
    case replace(node: Int)
    case delete(node: Int)
    case giveUpWaiting(Int, attempt: UInt64)
    case loseWord(Int)
  }

  /// What becomes of requests whose connection breaks.
  enum Fate: CaseIterable {
    case carriedOut, dropped, neverSent, late
  }

  struct State {
    var nodes: [ModelNode]
    var clients: [ModelClient]
    var faults: Int
    var now = 0
    var lastMinted: UInt64 = 0
    var lastGranted: UInt64 = 0
    /// Whether a single server has forgotten keys: then nobody is protected but by the token.
    var hasForgotten = false
  }

  /// Stands for what keeps servers from answering.
  static let outage = LockFailure(LockError(.unreachable, name: .modelled, message: "no answer"))

  static let tick = Duration.milliseconds(990)
  static let timeToLive = Duration.seconds(2)
  static let ticksToLive = 2
  private static let origin = ContinuousClock.now

  var turns: RedisLockMachine.Rules
  var attempts = AttemptMachine.Rules()
  var votes = QuorumVoteMachine.Rules.sound
  var probation = ProbationMachine.Rules.sound
  var shell = Shell()
  let servers: Int
  /// For each client, who asks: whether each caller is patient.
  let callers: [[Bool]]
  let budget: Int
  let faults: Set<Fault>
  /// Whether time may pass: without it the space is smaller by far, and what needs no deadline is checked all the same.
  let isTimed: Bool
  /// Whether replies take a while to arrive, or are heard in the step in which the server sends them.
  let areRepliesSlow: Bool
  /// Whether who waits may ask again at any moment, or only when nothing else would let it go on.
  let isPollingEager: Bool
  /// After how many attempts a client waits no longer; 0 if it never tires.
  var patience: UInt64 = 0
  /// Whether steps are taken alone whose order cannot matter.
  var isReduced = true

  init(
    servers: Int,
    callers: [[Bool]],
    faults budget: Int,
    of faults: [Fault] = Fault.allCases,
    isTimed: Bool = true,
    areRepliesSlow: Bool = true,
    isPollingEager: Bool = true
  ) {
    self.areRepliesSlow = areRepliesSlow
    self.isPollingEager = isPollingEager
    self.servers = servers
    self.callers = callers
    self.budget = budget
    self.faults = Set(faults)
    self.isTimed = isTimed
    var turns = RedisLockMachine.Rules()
    turns.usesWakeUps = servers == 1
    turns.repeatsOwner = servers == 1
    self.turns = turns
  }

  var isSingle: Bool { self.servers == 1 }

  var start: State {
    State(
      nodes: (0..<self.servers).map { _ in ModelNode() },
      clients: self.callers.map {
        ModelClient(callers: $0, servers: self.servers, turns: self.turns, probation: self.probation)
      },
      faults: self.budget
    )
  }

  static func instant(_ tick: Int) -> ContinuousClock.Instant { self.origin + self.tick * tick }

  // MARK: What may happen

  func steps(from state: State) -> [Step] {
    if self.isReduced, let step = self.soleStep(from: state) { return [step] }
    var steps: [Step] = []
    for index in state.clients.indices { self.addSteps(of: index, state, &steps) }
    if self.isTimed, state.nodes.contains(where: { $0.key != nil }) || state.clients.contains(where: \.isTimed) {
      // Nothing arrives later than a sweep, which is about a tick.
      if !state.clients.contains(where: { $0.late.contains { $0.since < state.now } }) { steps.append(.tick) }
    }
    guard state.faults > 0, state.clients.contains(where: \.isBusy) else { return steps }
    if self.faults.contains(self.isSingle ? .forget : .restart) {
      for node in state.nodes.indices { steps.append(.restart(node: node)) }
    }
    if self.faults.contains(.replace), !self.isSingle {
      // Who sees a server for the first time cannot know that it is another one.
      for node in state.nodes.indices where state.clients.allSatisfy({ $0.probations[node].runID != nil }) {
        steps.append(.replace(node: node))
      }
    }
    if self.faults.contains(.delete) {
      for (node, server) in state.nodes.enumerated() {
        guard let key = server.key, state.clients[key.client].hold?.attempt == key.attempt else { continue }
        steps.append(.delete(node: node))
      }
    }
    return steps
  }

  private func addSteps(of index: Int, _ state: State, _ steps: inout [Step]) {
    let client = state.clients[index]
    if !client.callers.isEmpty { steps.append(.join(index)) }
    if client.hold != nil { steps.append(.release(index)) }
    for node in state.nodes.indices {
      if !client.requests[node].isEmpty { steps.append(.serve(index, node: node)) }
      if !client.replies[node].isEmpty { steps.append(.hear(index, node: node)) }
    }
    // Pauses are long enough for an attempt to be given back, or nearly so; else there would be no end of attempts.
    if client.alarm != nil, client.attempts.count < 2, !self.isTired(client),
      self.isPollingEager || self.mustPoll(index, state)
    {
      steps.append(.alarm(index))
    }
    for (position, retry) in client.retries.enumerated() {
      // Nothing arrives later than a sweep.
      if !client.late.contains(where: { $0.node == retry.node }) { steps.append(.retry(index, position)) }
    }
    switch client.subscription {
    case .requested: steps.append(.serveSubscription(index))
    case .confirming: steps.append(.hearSubscribed(index))
    case .open: if client.hasWord { steps.append(.hearWord(index)) }
    case .none: break
    }
    for position in client.late.indices { steps.append(.arriveLate(index, position)) }
    guard state.faults > 0, client.isBusy else { return }
    if self.faults.contains(.cancel), !client.waiting.isEmpty { steps.append(.cancel(index)) }
    if self.faults.contains(.loseWord), client.hasWord, !client.isFinished { steps.append(.loseWord(index)) }
    if self.faults.contains(.impatience), !self.isSingle {
      for (attempt, entry) in client.attempts where entry.isOut {
        steps.append(.giveUpWaiting(index, attempt: attempt))
      }
    }
    if self.faults.contains(.cut) {
      for node in state.nodes.indices {
        if !client.requests[node].isEmpty {
          for fate in Fate.allCases { steps.append(.cut(index, node: node, fate)) }
        } else if !client.replies[node].isEmpty {
          steps.append(.cut(index, node: node, .dropped))
        }
      }
    }
  }

  /// Whether nobody will tell the client that it may go on: no other client that is still at work stands in its way.
  private func mustPoll(_ index: Int, _ state: State) -> Bool {
    let client = state.clients[index]
    guard client.turn.isResting else { return true }
    if client.subscription == .requested || client.subscription == .confirming || client.hasWord { return false }
    let obstacles = state.nodes.count { node in
      guard let key = node.key, key.client != index else { return false }
      return state.clients[key.client].attempts[key.attempt] != nil
    }
    return obstacles <= self.servers - (self.servers / 2 + 1)
  }

  func isFault(_ step: Step, in state: State) -> Bool {
    switch step {
    // Nobody must have to wait until a key that is of no use has run out.
    case .tick: true
    default: self.costsFault(step)
    }
  }

  private func costsFault(_ step: Step) -> Bool {
    switch step {
    case .cancel, .cut, .restart, .replace, .delete, .giveUpWaiting, .loseWord: true
    default: false
    }
  }

  func take(_ step: Step, in state: inout State) throws(BrokenPromise) {
    if self.costsFault(step) { state.faults -= 1 }
    try self.perform(step, &state)
    self.noteHolders(&state)
  }

  private func perform(_ step: Step, _ state: inout State) throws(BrokenPromise) {
    switch step {
    case .join(let index):
      let patient = state.clients[index].callers.removeFirst()
      state.clients[index].waiting.append(patient)
      if !patient {
        state.clients[index].undisturbed += 1
        if !state.clients[index].turn.isFree { state.clients[index].newcomers += 1 }
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
      try self.step(index, &state) { $0.released(hold.attempt) }
    case .serve(let index, let node):
      let request = state.clients[index].requests[node].removeFirst()
      let reply = self.carryOut(request, of: index, at: node, &state)
      guard !self.areRepliesSlow else { return state.clients[index].replies[node].append(reply) }
      try self.hear(reply, from: node, index, &state)
    case .hear(let index, let node):
      try self.hear(state.clients[index].replies[node].removeFirst(), from: node, index, &state)
    case .alarm(let index):
      guard let alarm = state.clients[index].alarm else { return }
      state.clients[index].alarm = nil
      try self.feed(.alarm(alarm), index, &state)
    case .retry(let index, let position):
      let retry = state.clients[index].retries.remove(at: position)
      try self.feed(.retry(node: retry.node), to: retry.attempt, index, &state)
    case .serveSubscription(let index): state.clients[index].subscription = .confirming
    case .hearSubscribed(let index):
      state.clients[index].subscription = .open
      try self.feed(.subscribed, index, &state)
    case .hearWord(let index):
      state.clients[index].hasWord = false
      try self.feed(.woken, index, &state)
    case .loseWord(let index): state.clients[index].hasWord = false
    case .arriveLate(let index, let position):
      let late = state.clients[index].late.remove(at: position)
      _ = self.carryOut(late.request, of: index, at: late.node, &state)
    case .tick: self.advance(&state)
    case .cut(let index, let node, let fate): try self.cut(index, node, fate, &state)
    case .restart(let node): try self.restart(node, isOld: false, &state)
    case .replace(let node): try self.restart(node, isOld: true, &state)
    case .delete(let node):
      guard let key = state.nodes[node].key else { return }
      state.nodes[node].key = nil
      state.hasForgotten = true
      state.clients[key.client].attempts[key.attempt]?.deletedAt.insert(node)
    case .giveUpWaiting(let index, let attempt): try self.feed(.timedOut, to: attempt, index, &state)
    }
  }

  /// Notes which tries have seen the lock in other hands: held, or wanted by somebody who waits before them.
  func noteHolders(_ state: inout State) {
    let isHeld = state.nodes.contains { $0.key != nil }
    for index in state.clients.indices {
      let client = state.clients[index]
      if isHeld || client.hold != nil || client.waiting.contains(true) { state.clients[index].undisturbed = 0 }
    }
  }

  private func advance(_ state: inout State) {
    state.now += 1
    for node in state.nodes.indices {
      if let key = state.nodes[node].key, key.expiry <= state.now { state.nodes[node].key = nil }
    }
  }

  // MARK: What must be

  func check(_ state: State) throws(BrokenPromise) {
    guard !state.hasForgotten else { return }
    let now = Self.instant(state.now)
    var holder: Int?
    for (index, client) in state.clients.enumerated() {
      guard let hold = client.hold, now < hold.deadline else { continue }
      if let holder { throw BrokenPromise("\(Self.name(holder)) and \(Self.name(index)) hold the lock at once") }
      holder = index
    }
  }

  func isAtRest(_ state: State) -> Bool {
    state.nodes.allSatisfy { $0.key == nil }
      && state.clients.allSatisfy { (!$0.isBusy || self.hasGivenUp($0)) && $0.late.isEmpty }
  }

  /// Whether a client has made as many attempts as it will.
  func isTired(_ client: ModelClient) -> Bool { self.patience > 0 && client.turn.attempt >= self.patience }

  /// Whether a client waits without ever asking again, and has nothing left anywhere.
  func hasGivenUp(_ client: ModelClient) -> Bool {
    self.isTired(client) && client.turn.isResting && client.hold == nil && client.attempts.isEmpty
      && client.requests.allSatisfy(\.isEmpty) && client.replies.allSatisfy(\.isEmpty)
  }

  static func name(_ client: Int) -> String { ["Ann", "Bob", "Cay", "Dan"][client] }
}

import LatchkeyExplorer

@testable import LatchkeyLifecycle

/// Some processes with a leader service each, the queue of candidates at the server, and sessions that can expire.
struct LeaderServiceModel: ExplorationModel {
  typealias Machine = LeaderServiceMachine

  enum Step: Hashable {
    case create(Int), elect(Int), hearElection(Int), hearLoss(Int), endCampaign(Int)
    case endBody(Int, isFailure: Bool), resign(Int), endPause(Int), endGrace(Int)
    case shutDown(Int), cancel(Int)
    case expire(Int), failCampaign(Int), ignoreShutdown(Int)
  }

  /// A candidate's node.
  struct Node: Hashable {
    let process: Int
    let term: Int
  }

  /// How far a campaign is.
  enum Campaign: Hashable {
    case none
    /// Its create is on its way, or its node stands.
    case standing(Int)
    /// It leads; the machine has not heard of it.
    case elected(Int)
    /// It leads, and the machine knows.
    case leading(Int)
  }

  enum Body: Hashable {
    case none, running
    /// It was asked to end by the graceful shutdown.
    case asked
    case cancelled
  }

  struct Process: Hashable {
    var machine: Machine
    var campaign = Campaign.none
    var isWithdrawn = false
    /// A loss that is on its way to the machine.
    var lostTerm: Int?
    /// A loss that the machine has heard.
    var heardLoss: Int?
    var body = Body.none
    var bodyTerm = 0
    var ignoresShutdown = false
    var resigningTerm: Int?
    var pausedTerm: Int?
    var graceTerm: Int?
    var isShutDown = false
    var isCancelled = false
    /// Whether the last resignation was told of a loss.
    var wasLost = false
    /// How often a body may still end by itself.
    var rounds: Int
    var outcome: Machine.Outcome?
  }

  struct State: Hashable {
    var processes: [Process]
    var queue: [Node] = []
    var faults: Int
  }

  var rules = Machine.Rules()
  let processes: Int
  let rounds: Int
  let faults: Int

  init(processes: Int, rounds: Int, faults: Int) {
    self.processes = processes
    self.rounds = rounds
    self.faults = faults
  }

  var start: State {
    var state = State(processes: [], faults: self.faults)
    for index in 0..<self.processes {
      state.processes.append(Process(machine: Machine(rules: self.rules), rounds: self.rounds))
      // Nothing can be broken by a beginning.
      try? self.handle(.begin, index, &state)
    }
    return state
  }

  func steps(from state: State) -> [Step] {
    state.processes.indices.flatMap { self.steps(of: $0, state) }
  }

  private func steps(of index: Int, _ state: State) -> [Step] {
    let process = state.processes[index]
    guard process.outcome == nil else { return [] }
    var steps: [Step] = []
    switch process.campaign {
    case .none, .leading: break
    case .standing(let term):
      let node = Node(process: index, term: term)
      if process.isWithdrawn {
        steps.append(.endCampaign(index))
      } else if !state.queue.contains(node) {
        steps.append(.create(index))
      }
      if state.queue.first == node { steps.append(.elect(index)) }
      if state.faults > 0 { steps.append(.failCampaign(index)) }
    case .elected:
      steps.append(.hearElection(index))
    }
    if process.lostTerm != nil { steps.append(.hearLoss(index)) }
    switch process.body {
    case .none: break
    case .running where process.rounds == 0: break
    case .running: steps += [.endBody(index, isFailure: false), .endBody(index, isFailure: true)]
    case .asked:
      if !process.ignoresShutdown { steps += [.endBody(index, isFailure: false), .endBody(index, isFailure: true)] }
      if !process.ignoresShutdown, state.faults > 0 { steps.append(.ignoreShutdown(index)) }
    case .cancelled: steps.append(.endBody(index, isFailure: true))
    }
    if process.resigningTerm != nil { steps.append(.resign(index)) }
    if process.pausedTerm != nil { steps.append(.endPause(index)) }
    if process.graceTerm != nil, process.body != .none { steps.append(.endGrace(index)) }
    if !process.isShutDown { steps += [.shutDown(index), .cancel(index)] }
    if process.isShutDown, !process.isCancelled, state.faults > 0 { steps.append(.cancel(index)) }
    if state.faults > 0, state.queue.contains(where: { $0.process == index }) { steps.append(.expire(index)) }
    return steps
  }

  func isFault(_ step: Step, in state: State) -> Bool {
    switch step {
    case .expire, .failCampaign, .ignoreShutdown: true
    case .cancel(let index): state.processes[index].isShutDown
    default: false
    }
  }

  func take(_ step: Step, in state: inout State) throws(BrokenPromise) {
    switch step {
    case .create(let index):
      guard case .standing(let term) = state.processes[index].campaign else { return }
      state.queue.append(Node(process: index, term: term))
    case .elect(let index):
      guard case .standing(let term) = state.processes[index].campaign else { return }
      state.processes[index].campaign = .elected(term)
    case .hearElection(let index):
      guard case .elected(let term) = state.processes[index].campaign else { return }
      state.processes[index].campaign = .leading(term)
      try self.handle(.elected(term), index, &state)
    case .hearLoss(let index):
      guard let term = state.processes[index].lostTerm.take() else { return }
      state.processes[index].heardLoss = term
      try self.handle(.lost(term), index, &state)
    case .endCampaign(let index):
      guard case .standing(let term) = state.processes[index].campaign else { return }
      state.queue.removeAll { $0.process == index }
      state.processes[index].campaign = .none
      try self.handle(.campaignFailed(term, isPassing: false), index, &state)
    case .failCampaign(let index):
      guard case .standing(let term) = state.processes[index].campaign else { return }
      state.faults -= 1
      state.queue.removeAll { $0.process == index }
      state.processes[index].campaign = .none
      try self.handle(.campaignFailed(term, isPassing: true), index, &state)
    case .endBody(let index, let isFailure):
      if state.processes[index].body == .running { state.processes[index].rounds -= 1 }
      state.processes[index].body = .none
      try self.handle(.bodyEnded(state.processes[index].bodyTerm, isFailure: isFailure), index, &state)
    case .resign(let index):
      guard let term = state.processes[index].resigningTerm.take() else { return }
      let node = Node(process: index, term: term)
      state.processes[index].wasLost = !state.queue.contains(node)
      state.queue.removeAll { $0 == node }
      if state.processes[index].campaign == .leading(term) { state.processes[index].campaign = .none }
      // Whoever resigns hears no more of a loss.
      if state.processes[index].lostTerm == term { state.processes[index].lostTerm = nil }
      try self.handle(.resigned(term, isLost: state.processes[index].wasLost), index, &state)
    case .endPause(let index):
      guard let term = state.processes[index].pausedTerm.take() else { return }
      try self.handle(.pauseOver(term), index, &state)
    case .endGrace(let index):
      guard let term = state.processes[index].graceTerm.take() else { return }
      try self.handle(.graceOver(term), index, &state)
    case .shutDown(let index):
      state.processes[index].isShutDown = true
      if state.processes[index].body == .running { state.processes[index].body = .asked }
      try self.handle(.shutdown, index, &state)
    case .cancel(let index):
      if state.processes[index].isShutDown { state.faults -= 1 }
      state.processes[index].isShutDown = true
      state.processes[index].isCancelled = true
      try self.handle(.cancelled, index, &state)
    case .expire(let index):
      state.faults -= 1
      state.queue.removeAll { $0.process == index }
      // A candidate stands again by itself; a leader is told.
      switch state.processes[index].campaign {
      case .elected(let term), .leading(let term): state.processes[index].lostTerm = term
      case .none, .standing: break
      }
    case .ignoreShutdown(let index):
      state.faults -= 1
      state.processes[index].ignoresShutdown = true
    }
  }

  /// Does what the machine says.
  private func handle(_ event: Machine.Event, _ index: Int, _ state: inout State) throws(BrokenPromise) {
    for action in state.processes[index].machine.handle(event) {
      switch action {
      case .campaign(let term):
        state.processes[index].campaign = .standing(term)
        state.processes[index].isWithdrawn = false
      case .withdraw:
        state.processes[index].isWithdrawn = true
      case .startBody(let term):
        guard state.processes[index].body == .none else {
          throw BrokenPromise("a new body starts before the last one has ended")
        }
        state.processes[index].body = state.processes[index].isShutDown ? .asked : .running
        state.processes[index].bodyTerm = term
      case .cancelBody:
        if state.processes[index].body != .none { state.processes[index].body = .cancelled }
      case .resign(let term):
        state.processes[index].resigningTerm = term
        state.processes[index].graceTerm = nil
      case .startGrace(let term):
        state.processes[index].graceTerm = term
      case .warn:
        break
      case .pause(let term):
        state.processes[index].pausedTerm = term
      case .finish(let outcome):
        let process = state.processes[index]
        if process.wasLost, !process.isShutDown, outcome != .campaignFailed {
          throw BrokenPromise("process \(index) has ended for what its body did after a loss")
        }
        state.processes[index].outcome = outcome
      }
    }
  }

  func check(_ state: State) throws(BrokenPromise) {
    for (index, process) in state.processes.enumerated() {
      if process.body == .running || process.body == .asked, process.heardLoss == process.bodyTerm {
        throw BrokenPromise("the body of process \(index) goes on after its loss was heard")
      }
      if process.outcome != nil {
        if process.body != .none { throw BrokenPromise("process \(index) has returned, its body runs") }
        if state.queue.contains(where: { $0.process == index }) {
          throw BrokenPromise("process \(index) has returned, and left a node behind")
        }
        continue
      }
      let isBusy =
        process.campaign != .none || process.body != .none || process.resigningTerm != nil || process.pausedTerm != nil
      if !isBusy {
        throw BrokenPromise("process \(index) neither stands nor leads nor has returned")
      }
    }
  }

  func isAtRest(_ state: State) -> Bool {
    state.queue.isEmpty && state.processes.allSatisfy { $0.outcome != nil }
  }
}

import Latchkey
import LatchkeyExplorer
import LatchkeyTesting

@testable import LatchkeyZooKeeper

/// Clients that contend for the permits of one semaphore, each with the real state machine, and clients of Curator's beside them.
///
/// The queue is modelled as what it promises: a line of places, of which the first is told so. Its machine has a model of its own.
struct SemaphoreModel: ExplorationModel {
  /// How what surrounds the machine behaves; a mutant is a changed line.
  struct Shell {
    var listsBehindCreate = true
    /// As which part of the flight the limit is read: behind create and lists.
    var limitPart = 2
    /// The permits are watched as a whole, not one of those before ours.
    var watchesAllPermits = true
    /// All nodes of a claim are made in one transaction.
    var createsAtOnce = true
    /// The deadline passes before the server can end the session.
    var deadlineComesFirst = true
  }

  enum Fault: CaseIterable {
    case cancel, cut, refuse, pause, deleteByHand, deletePlace, delay
  }

  enum Step: Hashable {
    case join(Int), release(Int, hold: Int), serve(Int), hear(Int)
    /// Somebody asks once more, in a process that has left a node of which it does not know.
    case askAgain(Int)
    case getInLine(Int), tellToWait(Int), tellToHead(Int)
    case beat(Int), prove(Int), resume(Int), reconnect(Int), expire(Int), renew(Int)
    /// A request of a connection that is lost is carried out.
    case arrive(Int)
    case curator(Int)
    case moveLimit
    // Faults.
    case cancel(Int, first: Bool), cut(Int, tellsCreate: Bool), delay(Int), refuse(Int, onlyLists: Bool), pause(Int),
      deleteByHand(Int, String)
    case deletePlace(Int)
  }

  struct LateCreate: Hashable {
    var client: Int
    var identifier: String
    var permits: Int
    var session: UInt64
  }

  struct State {
    var server: SemaphoreModelServer
    var clients: [SemaphoreModelClient]
    /// For each client of Curator's, how far it is, and its node.
    var curators: [(step: Int, name: String?)]
    var moves: ArraySlice<Int>
    var faults: Int
    var nextSession: UInt64
    var late: [LateCreate] = []
    var deletedByHand: [String] = []
    var hasGranted = false
  }

  var rules = SemaphoreMachine.Rules()
  var shell = Shell()
  let callers: [[SemaphoreModelCaller]]
  let curators: Int
  let limit: Int
  let isShared: Bool
  let moves: [Int]
  let budget: Int
  let faults: Set<Fault>
  var isPlaceMade = true
  /// Whether it is a mistake if nobody was granted anything.
  var mustGrant = false

  init(
    _ callers: [[SemaphoreModelCaller]],
    curators: Int = 0,
    limit: Int,
    isShared: Bool = false,
    moves: [Int] = [],
    faults budget: Int = 0,
    of faults: [Fault] = Fault.allCases
  ) {
    self.callers = callers
    self.curators = curators
    self.limit = limit
    self.isShared = isShared || !moves.isEmpty
    self.moves = moves
    self.budget = budget
    self.faults = Set(faults)
  }

  var start: State {
    let clients = self.callers.enumerated().map { index, callers in
      let machine = SemaphoreMachine(
        limit: self.isShared ? nil : self.limit,
        session: UInt64(index) + 1,
        mark: "\(index).",
        rules: self.rules,
        placeVanishes: .modelled,
        makeIdentifier: { "\(index).\($0)" }
      )
      return SemaphoreModelClient(machine: machine, session: UInt64(index) + 1, callers: callers)
    }
    let hasLimit = self.isPlaceMade || !self.isShared
    return State(
      server: SemaphoreModelServer(limit: hasLimit ? self.limit : nil, isPlaceMade: self.isPlaceMade),
      clients: clients,
      curators: Array(repeating: (0, nil), count: self.curators),
      moves: self.moves[...],
      faults: self.budget,
      nextSession: UInt64(clients.count) + 1
    )
  }

  // MARK: What may happen

  func steps(from state: State) -> [Step] {
    var steps: [Step] = []
    for index in state.clients.indices { self.addSteps(of: index, state, &steps) }
    for (index, curator) in state.curators.enumerated() {
      switch curator.step {
      case 0, 3: steps.append(.curator(index))
      case 1: if state.server.line.first == .curator(index) { steps.append(.curator(index)) }
      case 2: if state.server.names.count <= state.server.limit ?? 0 { steps.append(.curator(index)) }
      default: break
      }
    }
    for index in state.late.indices { steps.append(.arrive(index)) }
    if !state.moves.isEmpty { steps.append(.moveLimit) }
    return steps
  }

  /// Whether another client is just like this one, and comes first.
  private func isTwin(_ index: Int, _ state: State) -> Bool {
    guard index > 0, self.callers[index] == self.callers[index - 1] else { return false }
    return state.clients[index - 1].callers == self.callers[index]
  }

  /// Whether the servers hold a node of which nobody in the client knows; a list will show it.
  private func leavesUnknownNode(_ client: SemaphoreModelClient, _ state: State) -> Bool {
    !client.isBusy && client.callers.isEmpty && client.isConnected && client.isSessionAlive
      && state.server.leases.contains { $0.session == client.session && $0.isLate }
  }

  private func addSteps(of index: Int, _ state: State, _ steps: inout [Step]) {
    let client = state.clients[index]
    if !client.callers.isEmpty, !self.isTwin(index, state) { steps.append(.join(index)) }
    if self.leavesUnknownNode(client, state) { steps.append(.askAgain(index)) }
    for (number, hold) in client.holds.enumerated() where !hold.keeps || !hold.isHeld {
      steps.append(.release(index, hold: number))
    }
    if !client.isSessionAlive { steps.append(.renew(index)) }
    if client.isConnected, client.isSessionAlive {
      if !client.requests.isEmpty { steps.append(.serve(index)) }
      if !client.laterWatches.isEmpty { steps.append(.beat(index)) }
      if !client.hasLiveTerm { steps.append(.prove(index)) }
      if let ticket = client.ticket {
        let place = SemaphoreModelServer.Place.ours(client: index, ticket: ticket)
        if !state.server.line.contains(place) {
          if !client.isToldToHead { steps.append(.getInLine(index)) }
        } else if state.server.line.first == place {
          if !client.isToldToHead { steps.append(.tellToHead(index)) }
        } else if !client.isToldToWait {
          steps.append(.tellToWait(index))
        }
      }
    } else if client.isSessionAlive {
      steps.append(.reconnect(index))
    }
    if client.isConnected, !client.replies.isEmpty { steps.append(.hear(index)) }
    if !client.pauses.isEmpty { steps.append(.resume(index)) }
    if client.isSessionAlive, !client.hasLiveTerm { steps.append(.expire(index)) }
    guard state.faults > 0 else { return }
    if self.faults.contains(.cancel), !client.waiting.isEmpty {
      steps.append(.cancel(index, first: false))
      if client.waiting.count > 1, client.waiting[0].isPatient { steps.append(.cancel(index, first: true)) }
    }
    guard client.isBusy else { return }
    if client.isConnected, client.isSessionAlive {
      if self.faults.contains(.cut) {
        steps.append(.cut(index, tellsCreate: false))
        if client.halfway?.claim != nil { steps.append(.cut(index, tellsCreate: true)) }
      }
      if self.faults.contains(.delay), case .semaphore(.enter)? = client.requests.first, client.halfway == nil {
        steps.append(.delay(index))
      }
      if self.faults.contains(.refuse), let request = client.requests.first {
        if client.halfway == nil { steps.append(.refuse(index, onlyLists: false)) }
        if case .semaphore(.enter) = request, client.halfway?.claim != nil {
          steps.append(.refuse(index, onlyLists: true))
        }
      }
      if self.faults.contains(.deleteByHand) {
        for lease in state.server.leases where lease.session == client.session {
          steps.append(.deleteByHand(index, lease.name))
        }
      }
      if self.faults.contains(.deletePlace), client.isToldToHead, self.place(of: index, state) != nil {
        steps.append(.deletePlace(index))
      }
    }
    if self.faults.contains(.pause), client.hasLiveTerm { steps.append(.pause(index)) }
    if !self.shell.deadlineComesFirst, client.isSessionAlive { steps.append(.expire(index)) }
  }

  func isFault(_ step: Step, in state: State) -> Bool {
    switch step {
    case .cancel, .cut, .delay, .refuse, .pause, .deleteByHand, .deletePlace: true
    case .expire(let index): state.clients[index].hasLiveTerm
    default: false
    }
  }

  func take(_ step: Step, in state: inout State) throws(BrokenPromise) {
    if self.isFault(step, in: state) { state.faults -= 1 }
    switch step {
    case .join(let index):
      let caller = state.clients[index].callers.removeFirst()
      let isNew = !state.clients[index].machine.isFree
      state.clients[index].waiting.append(caller)
      if !caller.isPatient, isNew { state.clients[index].newcomers += 1 }
      self.noteOthers(&state)
      try self.changeDemand(index, &state)
    case .askAgain(let index):
      state.clients[index].waiting.append(SemaphoreModelCaller())
      try self.changeDemand(index, &state)
    case .cancel(let index, first: true):
      state.clients[index].waiting.removeFirst()
      try self.changeDemand(index, &state)
    case .cancel(let index, first: false):
      let isPatient = state.clients[index].waiting.removeLast().isPatient
      if !isPatient { state.clients[index].newcomers = max(0, state.clients[index].newcomers - 1) }
      try self.changeDemand(index, &state)
    case .release(let index, let number):
      let hold = state.clients[index].holds.remove(at: number)
      state.clients[index].releasing.append(hold.claim)
      try self.step(index, &state) { $0.released(hold.claim, $1) }
    case .serve(let index): self.serve(index, &state)
    case .hear(let index):
      let message = state.clients[index].replies.removeFirst()
      switch message.event {
      case .entered(_, _, .success(let view)): state.clients[index].lastList = view.leases
      case .listed(_, .success(let leases)): state.clients[index].lastList = leases
      default: break
      }
      try self.feed(message.event, index, &state)
    case .getInLine(let index):
      if let ticket = state.clients[index].ticket { state.server.line.append(.ours(client: index, ticket: ticket)) }
    case .tellToWait(let index):
      guard let ticket = state.clients[index].ticket else { break }
      state.clients[index].isToldToWait = true
      try self.feed(.queued(ticket: ticket, ahead: 1), index, &state)
    case .tellToHead(let index):
      guard let ticket = state.clients[index].ticket else { break }
      state.clients[index].isToldToHead = true
      try self.feed(.headed(ticket: ticket), index, &state)
    case .beat(let index):
      let watch = state.clients[index].laterWatches.removeFirst()
      state.clients[index].requests.append(.watchOwn(watch.claim, watch: watch.number))
    case .prove(let index):
      state.clients[index].hasLiveTerm = true
      guard state.clients[index].awaitsTerm else { break }
      state.clients[index].awaitsTerm = false
      try self.feed(.termLive(session: state.clients[index].session), index, &state)
    case .resume(let index):
      let pause = state.clients[index].pauses.removeFirst()
      try self.feed(.pauseOver(pause), index, &state)
    case .reconnect(let index): try self.reconnect(index, &state)
    case .expire(let index): self.expire(index, &state)
    case .renew(let index): try self.renew(index, &state)
    case .arrive(let number):
      let late = state.late.remove(at: number)
      _ = state.server.create(
        late.identifier,
        owner: late.identifier,
        count: late.permits,
        session: late.session,
        isLate: true
      )
      self.leasesChanged(&state)
    case .curator(let index): self.takeCurator(index, &state)
    case .moveLimit:
      state.server.limit = state.moves.removeFirst()
      self.limitChanged(&state)
    case .cut(let index, let tellsCreate): try self.cut(index, tellsCreate: tellsCreate, &state)
    case .delay(let index):
      if case .semaphore(.enter(_, let identifier, let permits, _, let session))? = state.clients[index].requests.first
      {
        state.late.append(LateCreate(client: index, identifier: identifier, permits: permits, session: session))
      }
      try self.cut(index, tellsCreate: false, &state)
    case .refuse(let index, let onlyLists): self.refuse(index, onlyLists: onlyLists, &state)
    case .pause(let index):
      state.clients[index].hasLiveTerm = false
      for hold in state.clients[index].holds.indices { state.clients[index].holds[hold].isHeld = false }
    case .deleteByHand(let index, let name):
      state.deletedByHand.append(name)
      self.delete([name], &state, byHand: index)
    case .deletePlace(let index):
      let place = self.place(of: index, state)
      state.server.line.removeAll { $0 == place }
      try self.losePlace(index, &state)
    }
    self.noteFits(&state)
    self.noteOthers(&state)
  }

  func place(of index: Int, _ state: State) -> SemaphoreModelServer.Place? {
    guard let ticket = state.clients[index].ticket else { return nil }
    let place = SemaphoreModelServer.Place.ours(client: index, ticket: ticket)
    return state.server.line.contains(place) ? place : nil
  }

  private func takeCurator(_ index: Int, _ state: inout State) {
    defer { state.curators[index].step += 1 }
    switch state.curators[index].step {
    case 0: state.server.line.append(.curator(index))
    case 1:
      state.curators[index].name =
        state.server.create(nil, owner: "curator\(index)", count: 1, session: 1000 + UInt64(index)).first
      self.leasesChanged(&state)
    case 2: state.server.line.removeAll { $0 == .curator(index) }
    default:
      if let name = state.curators[index].name { self.delete([name], &state) }
      state.curators[index].name = nil
    }
  }
}

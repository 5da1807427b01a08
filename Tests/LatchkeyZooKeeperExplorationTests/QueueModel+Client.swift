import Latchkey
import LatchkeyExplorer
import LatchkeyTesting

@testable import LatchkeyZooKeeper

/// What the clients do.
extension QueueModel {
  func feed(_ event: NodeQueueEvent, _ index: Int, _ state: inout State) throws(BrokenPromise) {
    try self.step(index, &state) { $0.handle(event, $1) }
  }

  /// Callers have come or gone.
  func changeDemand(_ index: Int, _ state: inout State) throws(BrokenPromise) {
    try self.step(index, &state) { $0.demandChanged($1) }
  }

  func step(
    _ index: Int,
    _ state: inout State,
    _ step: (inout NodeQueue, Bool) -> [NodeQueueAction]
  ) throws(BrokenPromise) {
    let demand = state.clients[index].demand
    state.clients[index].machine.demand = demand
    state.clients[index].sparesTries = false
    let actions = step(&state.clients[index].machine, state.clients[index].hasLiveTerm)
    for action in actions { try self.act(action, index, &state) }
    let demandAfter = state.clients[index].demand
    state.clients[index].machine.demand = demandAfter
    let hasOtherHead = demandAfter.want != demand.want || state.clients[index].sparesTries
    state.clients[index].sparesTries = false
    if demandAfter.isAny, hasOtherHead { try self.changeDemand(index, &state) }
  }

  private func act(_ action: NodeQueueAction, _ index: Int, _ state: inout State) throws(BrokenPromise) {
    switch action {
    case .send(let request): try self.send(request, index, &state)
    case .grant(let node): try self.grant(node, index, &state)
    case .lose(let node): try self.lose(node, index, &state)
    case .converted(let old, let new): try self.convert(old, into: new, index, &state)
    case .unconverted(let node, let failure): try self.keep(node, failure, index, &state)
    case .turnAway: try self.answerTries(sparingNew: false, index, &state)
    case .turnAwayEarlier: try self.answerTries(sparingNew: true, index, &state)
    case .fail:
      guard state.clients[index].isDenied || state.clients[index].isClosed else {
        throw BrokenPromise("\(Self.name(index)) is told of an error, though asking again would help")
      }
      state.clients[index].waiting = []
      (state.clients[index].newcomers, state.clients[index].undisturbed) = (0, 0)
    case .failTries: throw BrokenPromise("\(Self.name(index)) has tries fail alone")
    case .releaseSettled(let node, _): state.clients[index].releasing.removeAll { $0 == node }
    }
  }

  private func send(_ request: NodeQueueRequest, _ index: Int, _ state: inout State) throws(BrokenPromise) {
    if NodeQueue.isQuestion(request) { state.clients[index].newcomers = 0 }
    switch request {
    case .watchOwnLater(let node, let number):
      guard self.shell.watchesOwnNode else { return }
      state.clients[index].laterWatches.append(ModelClient.LaterWatch(node: node, number: number))
    case .forgetWatches:
      let held = state.clients[index].machine.holds.map(\.node.name)
      self.forgetWatches(index, &state) { name, attempt in attempt != nil || !held.contains(name) }
    case .forgetOwnWatch(let node):
      self.forgetWatches(index, &state) { name, attempt in attempt == nil && name == node.name }
    case .awaitLiveTerm(let session): state.clients[index].awaitsTerm = session
    case .pause(let pause): state.clients[index].pauses.append(pause)
    case .behind, .warnAboutWrap: break
    case .watchBlocker(let attempt, let name, _):
      guard let own = state.clients[index].machine.node?.name,
        !ModelMarker(of: own).mayBeHeld(beside: ModelMarker(of: name))
      else { throw BrokenPromise("\(Self.name(index)) waits for \(name), which is not in its way") }
      if self.faults.contains(.answerLate) { state.clients[index].noteWait(attempt, for: name) }
      state.clients[index].watches.append(ModelClient.Watch(name: name, attempt: attempt))
      state.clients[index].requests.append(request)
    case .watchOwn(let node, _):
      guard self.shell.watchesOwnNode else { return }
      state.clients[index].watches.append(ModelClient.Watch(name: node.name))
      state.clients[index].requests.append(request)
    case .enter, .list, .makeDirectory, .inspect, .order, .delete, .search, .lookAtStranger, .convert, .findForm:
      state.clients[index].requests.append(request)
    }
  }

  private func forgetWatches(_ index: Int, _ state: inout State, where isMeant: (String, UInt64?) -> Bool) {
    state.clients[index].laterWatches.removeAll { isMeant($0.node.name, nil) }
    state.clients[index].watches.removeAll { isMeant($0.name, $0.attempt) }
    state.clients[index].requests.removeAll { request in
      switch request {
      case .watchBlocker(let attempt, let name, _): isMeant(name, attempt)
      case .watchOwn(let node, _): isMeant(node.name, nil)
      default: false
      }
    }
    state.clients[index].replies.removeAll { posted in
      if case .fired(let name, let attempt) = posted.message { isMeant(name, attempt) } else { false }
    }
    state.server.forgetWatches(of: state.clients[index].session) { isMeant($0.name, $0.attempt) }
  }

  private func grant(_ node: NodeQueueNode, _ index: Int, _ state: inout State) throws(BrokenPromise) {
    let name = Self.name(index)
    let client = state.clients[index]
    guard !client.waiting.isEmpty else { throw BrokenPromise("\(name) is granted for nobody") }
    guard client.hasLiveTerm else { throw BrokenPromise("\(name) is granted the lock after its deadline") }
    guard !client.toldGone.contains(node.name) else {
      throw BrokenPromise("\(name) is granted the lock by a node that it knows is gone")
    }
    guard !client.goneWhenSent.contains(node.name) else {
      throw BrokenPromise("\(name) is granted the lock by a node that was gone before the end of the blocker")
    }
    let marker = ModelMarker(of: node.name)
    guard let head = client.waiting.first, marker.text == client.machine.rule(head.want).ownMarker else {
      throw BrokenPromise("\(name) is granted what the first in line does not want")
    }
    if self.checksOrder, let place = state.server.place(of: node.name),
      let other = state.server.nodes[..<place].first(where: {
        !marker.mayBeHeld(beside: $0.marker) && !self.isTried($0, state)
      })
    {
      throw BrokenPromise("\(name) is granted the lock before \(other.name), which came first")
    }
    try self.noteToken(of: node, index, &state)
    let served = head.want == .exclusive ? 1 : client.waiting.prefix { $0.want == .shared }.count
    state.clients[index].holds.append(ModelClient.Hold(node: node, then: head.then, callers: served))
    state.clients[index].waiting.removeFirst(served)
    self.noteHolders(&state)
    state.clients[index].newcomers = min(state.clients[index].newcomers, state.clients[index].tries)
    // Another caller of the client holds the lock.
    try self.answerTries(sparingNew: false, index, &state)
  }

  /// Tries are told that the lock is busy: those that want what the head of the line wants, or stand behind a caller that waits.
  private func answerTries(sparingNew: Bool, _ index: Int, _ state: inout State) throws(BrokenPromise) {
    let client = state.clients[index]
    var answered: [Int] = []
    var (number, isBehindWaiter) = (0, false)
    for (place, caller) in client.waiting.enumerated() {
      guard !caller.isPatient else {
        isBehindWaiter = true
        continue
      }
      defer { number += 1 }
      guard isBehindWaiter || caller.want == client.waiting[0].want else {
        state.clients[index].sparesTries = true
        continue
      }
      guard !sparingNew || number < client.tries - client.newcomers else { continue }
      guard number < client.tries - client.undisturbed else { throw self.toldBusy(index) }
      answered.append(place)
    }
    for place in answered.reversed() { state.clients[index].waiting.remove(at: place) }
    let tries = state.clients[index].tries
    state.clients[index].newcomers = min(state.clients[index].newcomers, tries)
    state.clients[index].undisturbed = min(state.clients[index].undisturbed, tries)
  }

  private func toldBusy(_ index: Int) -> BrokenPromise {
    BrokenPromise("\(Self.name(index)) is told that the lock is busy, which was free all the time")
  }

  /// A try looks before it stands in line: if somebody of this process holds the lock or waits for it, it is busy.
  func joinTry(_ index: Int, _ caller: ModelCaller, _ state: inout State) throws(BrokenPromise) {
    let machine = state.clients[index].machine
    guard self.shell.asksBehindTries ? machine.isTaken(for: caller.want) : machine.isAnswered else {
      return try self.join(index, caller, &state)
    }
    guard self.isInOtherHands(index, state, for: caller.want) else { throw self.toldBusy(index) }
  }

  func join(_ index: Int, _ caller: ModelCaller, _ state: inout State) throws(BrokenPromise) {
    if !self.shell.closesBatches, try self.joinBatch(index, caller, &state) { return }
    state.clients[index].waiting.append(caller)
    if !caller.isPatient {
      state.clients[index].undisturbed += 1
      if !state.clients[index].machine.isFree { state.clients[index].newcomers += 1 }
      self.noteHolders(&state)
    }
    try self.changeDemand(index, &state)
  }

  func hear(_ index: Int, _ state: inout State) throws(BrokenPromise) {
    let posted = state.clients[index].replies.removeFirst()
    state.clients[index].goneWhenSent = posted.gone
    switch posted.message {
    case .reply(let event):
      switch event {
      case .blockerWatched(let attempt, let name, let result):
        self.settleWatch(on: name, attempt, isSet: result.isSuccess, index, &state)
      case .ownWatched(let node, _, let result):
        self.settleWatch(on: node.name, nil, isSet: result.isSuccess, index, &state)
        if case .failure(.noNode) = result { state.clients[index].toldGone.append(node.name) }
      // To the caller that still waits for it, the first answer means that the lock was lost.
      case .deleted(let node, .failure(.noNode)) where state.clients[index].releasing.contains(node):
        guard state.deletedByHand.contains(node.name) else {
          throw BrokenPromise("\(Self.name(index)) is told that what it releases was lost, though nobody deleted it")
        }
      default: break
      }
      try self.feed(event, index, &state)
    case .fired(let name, let attempt): try self.feedGone(name, attempt, index, &state)
    }
    state.clients[index].goneWhenSent = []
  }

  /// The library keeps no watch that was not set.
  private func settleWatch(on name: String, _ attempt: UInt64?, isSet: Bool, _ index: Int, _ state: inout State) {
    for watch in state.clients[index].watches.indices.reversed() {
      let known = state.clients[index].watches[watch]
      guard known.name == name, known.attempt == attempt, !known.isActive else { continue }
      if isSet {
        state.clients[index].watches[watch].isActive = true
      } else {
        state.clients[index].watches.remove(at: watch)
      }
    }
  }

  private func feedGone(
    _ name: String,
    _ attempt: UInt64?,
    _ index: Int,
    _ state: inout State
  ) throws(BrokenPromise) {
    state.clients[index].watches.removeAll { $0.name == name && $0.attempt == attempt }
    if let attempt { return try self.feed(.blockerGone(attempt: attempt, name: name), index, &state) }
    // The machine knows its node by name and token; the watch only by name.
    state.clients[index].toldGone.append(name)
    guard let node = state.clients[index].machine.node(named: name) else { return }
    try self.feed(.ownGone(node), index, &state)
  }

  /// The deadline passes: whatever is held is lost, as the clock alone says.
  func lapse(_ index: Int, _ state: inout State) {
    state.clients[index].hasLiveTerm = false
    for hold in state.clients[index].holds.indices { state.clients[index].holds[hold].isHeld = false }
  }

  func prove(_ index: Int, _ state: inout State) throws(BrokenPromise) {
    state.clients[index].hasLiveTerm = true
    guard let session = state.clients[index].awaitsTerm else { return }
    state.clients[index].awaitsTerm = nil
    try self.feed(.termLive(session: session), index, &state)
  }

  // MARK: Connections and sessions

  /// The client hears of nothing that was under way, whether or not it was carried out.
  func cut(_ index: Int, carriedOut: Int, _ state: inout State) throws(BrokenPromise) {
    for position in 0..<carriedOut {
      repeat {
        _ = self.carryOut(state.clients[index].requests[position], index, &state)
      } while state.clients[index].halfway != nil
    }
    try self.disconnect(index, &state)
  }

  private func disconnect(_ index: Int, _ state: inout State) throws(BrokenPromise) {
    let client = state.clients[index]
    let lost = client.replies.compactMap(\.message.lost) + client.requests.compactMap { $0.reply(.inDoubt) }
    state.clients[index].watches.removeAll { !$0.isActive }
    state.clients[index].requests = []
    state.clients[index].halfway = nil
    state.clients[index].replies = []
    state.clients[index].isConnected = false
    state.clients[index].laggingNodes = nil
    state.server.forgetWatches(of: client.session)
    try self.feed(.suspended, index, &state)
    for event in lost { try self.feed(event, index, &state) }
    // Requests made while the connection is down fail before it is back.
    while !state.clients[index].requests.isEmpty {
      let request = state.clients[index].requests.removeFirst()
      if let reply = request.reply(.inDoubt) { try self.feed(reply, index, &state) }
    }
  }

  func reconnect(_ index: Int, areWatchesSet: Bool, _ state: inout State) throws(BrokenPromise) {
    state.clients[index].isConnected = true
    let session = state.clients[index].session
    state.clients[index].requests = state.clients[index].kept
    state.clients[index].kept = []
    for watch in state.clients[index].watches where areWatchesSet {
      let isSet = state.server.watch(ModelServer.Watch(session: session, name: watch.name, attempt: watch.attempt))
      if !isSet { self.post(.fired(name: watch.name, attempt: watch.attempt), to: index, &state) }
    }
    try self.feed(.connected(session: session), index, &state)
  }

  func renew(_ index: Int, _ state: inout State) throws(BrokenPromise) {
    if state.clients[index].isConnected { try self.disconnect(index, &state) }
    self.lapse(index, &state)
    state.clients[index].watches = []
    state.clients[index].awaitsTerm = nil
    try self.feed(.ended(session: state.clients[index].session), index, &state)
    for reply in state.clients[index].kept.compactMap({ $0.reply(.sessionOver) }) {
      try self.feed(reply, index, &state)
    }
    state.clients[index].kept = []
    state.clients[index].holds = []
    state.clients[index].session = state.nextSession
    state.nextSession += 1
    state.clients[index].isSessionAlive = true
    state.clients[index].hasLiveTerm = true
    state.clients[index].isConnected = true
    try self.feed(.connected(session: state.clients[index].session), index, &state)
  }

  /// The client is closed: its session ends, and whoever waits is told.
  func close(_ index: Int, _ state: inout State) throws(BrokenPromise) {
    if state.clients[index].isConnected { try self.disconnect(index, &state) }
    state.clients[index].isClosed = true
    self.lapse(index, &state)
    self.fire(state.server.expire(state.clients[index].session), &state)
    (state.clients[index].watches, state.clients[index].kept) = ([], [])
    (state.clients[index].callers, state.clients[index].pauses) = ([], [])
    state.clients[index].awaitsTerm = nil
    try self.feed(.ended(session: state.clients[index].session), index, &state)
    try self.feed(.closed(.modelled), index, &state)
    state.clients[index].holds = []
  }
}

extension ModelClient {
  fileprivate mutating func noteWait(_ attempt: UInt64, for name: String) {
    self.blockers.removeAll { $0.attempt != attempt || $0.name == name }
    self.blockers.append((attempt, name))
  }
}

extension Result where Success == Void {
  fileprivate var isSuccess: Bool {
    if case .success = self { true } else { false }
  }
}

extension ModelClient.Message {
  /// What the client hears instead when the connection is lost before the message arrives.
  fileprivate var lost: NodeQueueEvent? {
    switch self {
    case .reply(let event): event.inDoubt
    case .fired: nil
    }
  }
}

extension NodeQueue {
  /// A node that the machine waits with, or by which it holds the lock.
  func node(named name: String) -> NodeQueueNode? {
    (self.holds.map(\.node) + [self.node].compactMap { $0 }).first { $0.name == name }
  }

  /// The node that the machine waits with.
  var node: NodeQueueNode? {
    switch self.phase {
    case .watching(_, let node, _), .listing(_, let node), .ordering(_, let node),
      .ripe(_, let node), .throttled(_, .list(let node)):
      node
    default: nil
    }
  }
}

extension NodeQueueEvent {
  /// Whether it answers a request, and does so for good.
  var canBeLost: Bool {
    switch self {
    case .entered, .listed, .inspected, .deleted, .searched, .directoryMade, .strangerSeen, .formed: true
    default: false
    }
  }

  /// The same reply, lost on the way.
  var inDoubt: NodeQueueEvent {
    switch self {
    case .entered(let attempt, _, _): .entered(attempt: attempt, create: .failure(.inDoubt), view: .failure(.inDoubt))
    case .directoryMade(let attempt, _): .directoryMade(attempt: attempt, .failure(.inDoubt))
    case .listed(let attempt, _): .listed(attempt: attempt, .failure(.inDoubt))
    case .inspected(let attempt, _): .inspected(attempt: attempt, .failure(.inDoubt))
    case .blockerWatched(let attempt, let name, _):
      .blockerWatched(attempt: attempt, name: name, .failure(.inDoubt))
    case .ownWatched(let node, let watch, _): .ownWatched(node, watch: watch, .failure(.inDoubt))
    case .strangerSeen(let name, let session, _): .strangerSeen(name, session: session, .failure(.inDoubt))
    case .deleted(let node, _): .deleted(node, .failure(.inDoubt))
    case .searched(let identifier, let session, _):
      .searched(identifier: identifier, session: session, .failure(.inDoubt))
    case .formed(let node, _): .formed(node, .failure(.inDoubt))
    default: self
    }
  }
}

#if Etcd
import Latchkey
import LatchkeyExplorer
import LatchkeyTesting

@testable import LatchkeyEtcd

/// What the clients and the server do.
extension QueueModel {
  func feed(_ event: KeyQueueEvent, _ index: Int, _ state: inout State) throws(BrokenPromise) {
    try self.step(index, &state) { $0.handle(event, $1) }
  }

  /// Callers have come or gone.
  func changeDemand(_ index: Int, _ state: inout State) throws(BrokenPromise) {
    try self.step(index, &state) { $0.demandChanged($1) }
  }

  func step(
    _ index: Int,
    _ state: inout State,
    _ step: (inout KeyQueue, Bool) -> [KeyQueueAction]
  ) throws(BrokenPromise) {
    state.clients[index].machine.demand = state.clients[index].demand
    let actions = step(&state.clients[index].machine, state.clients[index].hasLiveTerm)
    for action in actions { try self.perform(action, index, &state) }
  }

  private func perform(_ action: KeyQueueAction, _ index: Int, _ state: inout State) throws(BrokenPromise) {
    switch action {
    case .send(let request): try self.send(request, index, &state)
    case .grant(let node): try self.grant(node, index, &state)
    case .lose(let node):
      if state.clients[index].hold?.node == node { state.clients[index].hold = nil }
    case .turnAway: try self.answerTries(state.clients[index].tries, index, &state)
    case .turnAwayEarlier:
      try self.answerTries(state.clients[index].tries - state.clients[index].newcomers, index, &state)
    case .fail(let failure):
      guard failure == Self.failure else {
        throw BrokenPromise("\(Self.name(index)) is told of an error, though asking again would help")
      }
      state.clients[index].waiting = []
      (state.clients[index].newcomers, state.clients[index].undisturbed) = (0, 0)
    case .failTries: throw BrokenPromise("\(Self.name(index)) has tries fail alone")
    case .releaseSettled(let node, _): state.clients[index].releasing.remove(node)
    case .converted, .unconverted:
      throw BrokenPromise("\(Self.name(index)) exchanges a key that nobody wants exchanged")
    }
  }

  private func send(_ request: KeyQueueRequest, _ index: Int, _ state: inout State) throws(BrokenPromise) {
    if KeyQueue.isQuestion(request) { state.clients[index].newcomers = 0 }
    switch request {
    case .enter, .check, .confirm, .delete:
      state.clients[index].requests.append(ModelClient.Request(action: request))
    case .watchPredecessor(let attempt, let key, let asOf):
      try self.watch(ModelClient.Watch(key: key, node: nil, attempt: attempt, asOf: asOf), index, &state)
    case .watchOwn(let attempt, let node, let asOf):
      // Without the watch, the machine is told that there is one.
      guard self.shell.watchesOwnKey else { return try self.feed(.ownWatched(node, isGapless: true), index, &state) }
      try self.watch(ModelClient.Watch(key: node.key, node: node, attempt: attempt, asOf: asOf), index, &state)
    case .watchOwnLater(let node):
      guard self.shell.watchesOwnKey else { return }
      let left = state.clients[index].watch(isOwn: true).map { state.clients[index].watches[$0] }
      guard left?.key == node.key else { return state.clients[index].late = node }
      try self.watchOwn(node, index, &state)
    case .forgetWatches: self.park(index, &state)
    }
  }

  /// The first of the tries are told that the lock is busy.
  private func answerTries(_ count: Int, _ index: Int, _ state: inout State) throws(BrokenPromise) {
    guard count <= state.clients[index].tries - state.clients[index].undisturbed else {
      throw BrokenPromise("\(Self.name(index)) is told that the lock is busy, which was free all the time")
    }
    for _ in 0..<count {
      guard let first = state.clients[index].waiting.firstIndex(of: false) else { return }
      state.clients[index].waiting.remove(at: first)
    }
    state.clients[index].newcomers = min(state.clients[index].newcomers, state.clients[index].tries)
  }

  /// The first of a client's requests got no answer: who waits for a delete waits no longer.
  func delay(_ index: Int, _ state: inout State) throws(BrokenPromise) {
    guard case .delete(let node) = state.clients[index].requests[0].action else { return }
    try self.feed(.deleteDelayed(node), index, &state)
  }

  private func grant(_ node: KeyQueueNode, _ index: Int, _ state: inout State) throws(BrokenPromise) {
    let name = Self.name(index)
    let client = state.clients[index]
    guard !client.waiting.isEmpty else { throw BrokenPromise("\(name) is granted for nobody") }
    guard client.hasLiveTerm else { throw BrokenPromise("\(name) is granted the lock after its deadline") }
    guard node.revision > state.lastToken || state.deletedByHand.contains(node.revision) else {
      throw BrokenPromise("\(name) is granted the lock with a token that is not greater than the last")
    }
    state.lastToken = max(state.lastToken, node.revision)
    state.clients[index].hold = ModelClient.Hold(node: node)
    state.clients[index].waiting.removeFirst()
    self.noteHolders(&state)
    state.clients[index].newcomers = min(state.clients[index].newcomers, state.clients[index].tries)
    // Another caller of the client holds the lock.
    try self.answerTries(state.clients[index].tries, index, &state)
  }

  /// The client's deadline has passed: the session is over for it, whatever the server thinks.
  func renew(_ index: Int, _ state: inout State) throws(BrokenPromise) {
    let old = state.clients[index].session
    if state.server.sessions.contains(old) { state.clients[index].oldSessions.append(old) }
    let requests = state.clients[index].requests
    state.clients[index].requests = []
    // What is on its way may be carried out yet.
    if let first = requests.first, !first.action.isRead { state.clients[index].ghosts.append(first.action) }
    try self.feed(.sessionEnded(old), index, &state)
    state.clients[index].hold = nil
    for request in requests {
      if let answer = request.action.answerWithoutSession { try self.feed(answer, index, &state) }
    }
    state.clients[index].session = state.nextSession
    state.nextSession += 1
    state.clients[index].hasLiveTerm = true
    state.server.begin(state.clients[index].session)
    try self.feed(.sessionBegan(state.clients[index].session), index, &state)
  }

  // MARK: Watches

  func watchOwn(_ node: KeyQueueNode, _ index: Int, _ state: inout State) throws(BrokenPromise) {
    let watch = ModelClient.Watch(key: node.key, node: node, attempt: 0, asOf: node.revision)
    try self.watch(watch, index, &state)
  }

  /// Takes a watch that was left into use, or has another set.
  private func watch(_ watch: ModelClient.Watch, _ index: Int, _ state: inout State) throws(BrokenPromise) {
    guard
      let position = state.clients[index].watch(isOwn: watch.isOwn),
      state.clients[index].watches[position].key == watch.key
    else { return state.clients[index].replaceWatch(watch) }
    var left = state.clients[index].watches[position]
    left.isParked = false
    (left.node, left.attempt, left.asOf) = (watch.node, watch.attempt, watch.asOf)
    state.clients[index].watches[position] = left
    guard let since = left.since else { return }
    if !self.shell.trustsOldWatches, left.last > left.asOf {
      try self.feed(left.gone, index, &state)
    } else {
      try self.feed(left.set(isGapless: self.shell.trustsOldWatches || since <= left.asOf), index, &state)
    }
  }

  /// Leaves the watches for a while. Where nobody is going to ask again, the while is over at once.
  private func park(_ index: Int, _ state: inout State) {
    state.clients[index].late = nil
    if state.clients[index].callers.isEmpty {
      state.clients[index].watches = []
      state.clients[index].events = []
    }
    for position in state.clients[index].watches.indices { state.clients[index].watches[position].isParked = true }
  }

  /// The client hears what its stream of watches tells.
  func hear(_ index: Int, _ state: inout State) throws(BrokenPromise) {
    let told = state.clients[index].events.removeFirst()
    guard let position = state.clients[index].watch(isOwn: told.isOwn) else { return }
    if told.isDeletion {
      state.clients[index].watches[position].last = told.revision
    } else {
      state.clients[index].watches[position].since = told.revision
    }
    let watch = state.clients[index].watches[position]
    guard !watch.isParked else { return }
    if !told.isDeletion {
      try self.feed(watch.set(isGapless: told.revision <= watch.asOf), index, &state)
    } else if told.revision > watch.asOf {
      try self.feed(watch.gone, index, &state)
    }
  }

  // MARK: The server

  /// - Parameter copies: How many copies of the request were sent before and got no answer.
  func carryOut(_ action: KeyQueueRequest, _ index: Int, copies: Int, _ state: inout State) -> KeyQueueEvent? {
    switch action {
    case .enter(let attempt, let session, let slot, let onlyIfEmpty):
      guard let node = self.node(of: action, index) else { return nil }
      let (entry, isCreated) = state.server.enter(node.key, slot: slot, session: session, onlyIfEmpty: onlyIfEmpty)
      var copies = copies
      // A copy has been carried out before.
      if copies > 0, !isCreated, case .success(.entered) = entry { copies -= 1 }
      return .entered(attempt: attempt, entry, node: node, copies: copies)
    case .check(let attempt, let node): return .checked(attempt: attempt, state.server.check(node))
    case .confirm(let node): return .confirmed(node, exists: state.server.has(node))
    case .delete(let node):
      let revision = self.shell.comparesOnDelete ? node.revision : KeyQueueNode.anyRevision
      return .deleted(node, isGone: true, wasThere: self.delete(node.key, revision: revision, &state))
    default: return nil
    }
  }

  /// The key that an entry is about, whatever its revision.
  func node(of action: KeyQueueRequest, _ index: Int) -> KeyQueueNode? {
    guard case .enter(_, let session, let slot, _) = action else { return nil }
    let key = [UInt8(index), UInt8(session), UInt8(slot)]
    return KeyQueueNode(key: key, slot: slot, revision: KeyQueueNode.anyRevision, session: session)
  }

  /// - Returns: Whether there was something to delete.
  @discardableResult
  func delete(_ key: [UInt8], revision: Int64, _ state: inout State) -> Bool {
    guard state.server.delete(key, revision: revision) else { return false }
    self.tell(key, &state)
    return true
  }

  func tell(_ key: [UInt8], _ state: inout State) {
    for index in state.clients.indices {
      for watch in state.clients[index].watches where watch.isSet && watch.key == key {
        let revision = state.server.revision
        state.clients[index].events.append(
          ModelClient.Told(isOwn: watch.isOwn, key: key, revision: revision, isDeletion: true)
        )
      }
    }
  }

  func setWatch(_ index: Int, _ position: Int, _ state: inout State) {
    state.clients[index].watches[position].isSet = true
    let watch = state.clients[index].watches[position]
    state.clients[index].events.append(
      ModelClient.Told(isOwn: watch.isOwn, key: watch.key, revision: state.server.revision, isDeletion: false)
    )
  }

  /// The stream of watches breaks and is made again.
  func breakStream(_ index: Int, _ state: inout State) {
    state.clients[index].events = []
    for position in state.clients[index].watches.indices {
      state.clients[index].watches[position].isSet = false
      state.clients[index].watches[position].since = nil
    }
  }
}

extension KeyQueueRequest {
  /// Whether it changes nothing at the server, so that asking twice is asking once.
  var isRead: Bool {
    switch self {
    case .check, .confirm: true
    default: false
    }
  }

  /// The session that it needs.
  var session: UInt64? {
    switch self {
    case .enter(_, let session, _, _): session
    case .delete(let node): node.session
    default: nil
    }
  }

  /// What the client hears of a request when its session is over.
  fileprivate var answerWithoutSession: KeyQueueEvent? {
    switch self {
    case .enter(let attempt, _, _, _): .entered(attempt: attempt, .failure(.sessionOver), node: nil, copies: 0)
    case .check(let attempt, _): .checked(attempt: attempt, .failure(.sessionOver))
    case .delete(let node): .deleted(node, isGone: true, wasThere: false)
    default: nil
    }
  }
}

extension ModelClient.Watch {
  /// What the machine is told of it.
  fileprivate func set(isGapless: Bool) -> KeyQueueEvent {
    self.node.map { .ownWatched($0, isGapless: isGapless) }
      ?? .predecessorWatched(attempt: self.attempt, key: self.key, isGapless: isGapless)
  }

  fileprivate var gone: KeyQueueEvent {
    self.node.map { .ownGone($0) } ?? .predecessorGone(attempt: self.attempt, key: self.key)
  }
}

extension KeyQueue {
  /// Whether looking again now would find all that there is to be found: not while an answer is waited for that may be older,
  /// nor while a key is in use that may come back later.
  var heedsRecheck: Bool {
    switch self.phase {
    case .idle, .watching, .held: !(self.node.map { self.litter.doubts($0.key) } ?? false)
    default: false
    }
  }
}
#endif

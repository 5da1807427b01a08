@testable import LatchkeyZooKeeper

/// A broken promise, found by exploration.
struct Violation: Error, CustomStringConvertible {
  let description: String
}

/// Clients that contend for one lock at a server, with every message in between in the open: whoever drives the model
/// chooses what happens next.
struct QueueModel {
  enum Step: Hashable, CustomStringConvertible {
    case join(Int, patient: Bool)
    case leave(Int)
    case release(Int)
    case serve(Int)
    case hear(Int)
    case disconnect(Int, carriedOut: Int)
    case reconnect(Int)
    case expire(Int)
    case heartbeat(Int)
    /// Somebody deletes a node of the client by hand.
    case vandalise(Int)
    /// The session's deadline passes without a proof.
    case lapse(Int)

    var isFault: Bool {
      switch self {
      case .disconnect, .expire, .vandalise, .lapse: true
      default: false
      }
    }

    var description: String {
      switch self {
      case .join(let client, let patient): "\(client) \(patient ? "joins" : "tries")"
      case .leave(let client): "\(client) leaves"
      case .release(let client): "\(client) releases"
      case .serve(let client): "the server serves \(client)"
      case .hear(let client): "\(client) hears"
      case .disconnect(let client, let carriedOut): "\(client) is cut off, \(carriedOut) requests arrive"
      case .reconnect(let client): "\(client) is back"
      case .expire(let client): "\(client) expires"
      case .heartbeat(let client): "\(client) beats"
      case .vandalise(let client): "a node of \(client) is deleted by hand"
      case .lapse(let client): "the deadline of \(client) passes"
      }
    }
  }

  private(set) var server = ModelServer()
  private(set) var clients: [ModelClient]
  private var nextSession: UInt64
  private var lastToken: Int64 = 0
  /// How many more callers and faults there may be.
  private(set) var callers: Int
  private(set) var faults: Int

  init(clients: Int, callers: Int, faults: Int, rules: QueueMachine.Rules = .init()) {
    self.clients = (0..<clients).map { ModelClient(number: $0, session: UInt64($0) + 1, rules: rules) }
    self.nextSession = UInt64(clients) + 1
    self.callers = callers
    self.faults = faults
  }

  /// Everything that may happen next.
  var steps: [Step] {
    self.clients.indices.flatMap { self.steps(of: $0) }
  }

  private func steps(of index: Int) -> [Step] {
    let client = self.clients[index]
    var steps: [Step] = []
    if self.callers > 0 { steps += [.join(index, patient: true), .join(index, patient: false)] }
    if !client.waiting.isEmpty { steps.append(.leave(index)) }
    if client.held != nil { steps.append(.release(index)) }
    if client.isConnected {
      if !client.requests.isEmpty { steps.append(.serve(index)) }
      if !client.replies.isEmpty { steps.append(.hear(index)) }
      if !client.laterWatches.isEmpty { steps.append(.heartbeat(index)) }
      if self.faults > 0 {
        steps += (0...client.requests.count).map { .disconnect(index, carriedOut: $0) }
        if client.hasLiveTerm { steps.append(.lapse(index)) }
        if self.server.nodes.contains(where: { $0.session == client.session }) { steps.append(.vandalise(index)) }
      }
    } else {
      steps.append(.reconnect(index))
      if self.faults > 0 { steps.append(.expire(index)) }
    }
    return steps
  }

  mutating func take(_ step: Step) throws(Violation) {
    switch step {
    case .join(let index, let patient):
      self.callers -= 1
      // A try asks before it stands in line: if somebody of this process is on the way already, it is busy.
      guard patient || self.clients[index].machine.isFreeLocally else { return }
      self.clients[index].waiting.append(patient)
      try self.feed(index, .joined(patient: patient))
    case .leave(let index):
      let patient = self.clients[index].waiting.removeLast()
      try self.feed(index, .left(patient: patient))
    case .release(let index):
      guard let held = self.clients[index].held else { return }
      self.clients[index].held = nil
      try self.feed(index, .released(grant: held.grant))
    case .serve(let index):
      let request = self.clients[index].requests.removeFirst()
      let reply = self.carryOut(request, for: index)
      self.clients[index].replies.append(contentsOf: reply)
    case .hear(let index):
      let event = self.clients[index].replies.removeFirst()
      if case .termLive = event { self.clients[index].hasLiveTerm = true }
      self.noteWatch(event, index)
      try self.feed(index, event)
    case .disconnect(let index, let carriedOut):
      self.faults -= 1
      try self.disconnect(index, carriedOut: carriedOut)
    case .reconnect(let index):
      try self.reconnect(index)
    case .expire(let index):
      self.faults -= 1
      try self.expire(index)
    case .heartbeat(let index):
      let node = self.clients[index].laterWatches.removeFirst()
      self.clients[index].requests.append(.watchOwn(node))
    case .vandalise(let index):
      self.faults -= 1
      let session = self.clients[index].session
      guard let node = self.server.nodes.first(where: { $0.session == session }) else { return }
      if case .success(let fired) = self.server.delete(node.name) { self.fire(fired) }
    case .lapse(let index):
      self.faults -= 1
      self.clients[index].hasLiveTerm = false
    }
  }

  // MARK: Client side

  private mutating func feed(_ index: Int, _ event: QueueEvent) throws(Violation) {
    let actions = self.clients[index].machine.handle(event, termIsLive: self.clients[index].hasLiveTerm)
    for action in actions { try self.act(action, index) }
  }

  private mutating func act(_ action: QueueAction, _ index: Int) throws(Violation) {
    switch action {
    case .grant(let grant, let node):
      try self.grant(index, grant, node)
    case .lose:
      self.clients[index].held = nil
    case .answerImpatient:
      self.clients[index].dismissed += self.clients[index].waiting.count { !$0 }
      self.clients[index].waiting.removeAll { !$0 }
    case .fail:
      self.clients[index].failed += 1
      self.clients[index].waiting = []
    case .watchOwnLater(let node):
      self.clients[index].laterWatches.append(node)
    case .forgetWatches:
      self.clients[index].laterWatches = []
    case .awaitLiveTerm(let session):
      self.clients[index].replies.append(.termLive(session: session))
    case .releaseSettled, .behind, .warnAboutWrap:
      break
    case .enter, .makeDirectory, .list, .inspect, .order, .watchPredecessor, .watchOwn, .delete, .search:
      self.clients[index].requests.append(action)
    }
  }

  private mutating func grant(_ index: Int, _ grant: UInt64, _ node: QueueNode) throws(Violation) {
    for other in self.clients where other.number != index {
      if let held = other.held, self.server.node(held.node.name) != nil {
        throw Violation(description: "\(index) was granted the lock while \(other.number) held it")
      }
    }
    guard self.clients[index].hasLiveTerm else {
      throw Violation(description: "\(index) was granted the lock after its deadline")
    }
    if self.server.node(node.name) == nil {
      // Whoever has been told by the server must not be granted; the news may still be on its way.
      let isOnItsWay = self.clients[index].replies.contains { event in
        if case .ownGone(let gone) = event { gone.name == node.name } else { false }
      }
      let isWatched = self.clients[index].watches.contains { $0.name == node.name && $0.attempt == nil }
      let wasTold = self.clients[index].toldGone.contains(node.name)
      guard !wasTold else { throw Violation(description: "\(index) was granted the lock with a node that is gone") }
      precondition(isOnItsWay || !isWatched, "a watch that fired is neither on its way nor heard")
    } else if self.server.nodes.first?.name != node.name {
      throw Violation(description: "\(index) was granted the lock although another stood before it")
    }
    guard node.czxid > self.lastToken else { throw Violation(description: "the token \(node.czxid) is not new") }
    guard !self.clients[index].waiting.isEmpty else { throw Violation(description: "\(index): nobody waits") }
    self.lastToken = node.czxid
    self.clients[index].held = (grant, node)
    let patient = self.clients[index].waiting.removeFirst()
    self.clients[index].served += 1
    for action in self.clients[index].machine.served(patient: patient) { try self.act(action, index) }
  }

  /// The client sets a watch again after a reconnect once it was told that it is set, until it has fired.
  private mutating func noteWatch(_ event: QueueEvent, _ index: Int) {
    switch event {
    case .predecessorGone(let attempt):
      self.clients[index].watches = self.clients[index].watches.filter { $0.attempt != attempt }
    case .ownGone(let node):
      self.clients[index].toldGone.insert(node.name)
      self.clients[index].watches = self.clients[index].watches.filter { $0.name != node.name }
    default:
      break
    }
  }

  // MARK: Server side

  private mutating func carryOut(_ request: QueueAction, for index: Int) -> [QueueEvent] {
    switch request {
    case .enter(let attempt, let identifier, let session):
      let node = self.server.create(identifier, session: session)
      let own = try? node.get().name
      return [.entered(attempt: attempt, create: node, view: self.server.view(own: own, identifier: identifier))]
    case .makeDirectory(let attempt, _):
      self.server.makeDirectory()
      return [.directoryMade(attempt: attempt, .success(()))]
    case .list(let attempt, let own, let identifier, _, _):
      return [.listed(attempt: attempt, self.server.view(own: own, identifier: identifier))]
    case .inspect(let attempt, let name, let session):
      let node = self.server.node(name).flatMap { node in
        node.session == session ? QueueNode(name: name, czxid: node.czxid, session: session) : nil
      }
      return [.inspected(attempt: attempt, .success(node))]
    case .watchPredecessor(let attempt, let name, let session):
      let watch = ModelServer.Watch(session: session, name: name, attempt: attempt)
      let result = self.server.watch(watch)
      if case .success = result { self.clients[index].watches.insert(watch) }
      return [.predecessorWatched(attempt: attempt, result)]
    case .watchOwn(let node):
      let watch = ModelServer.Watch(session: node.session, name: node.name, attempt: nil)
      guard case .success = self.server.watch(watch) else { return [.ownGone(node)] }
      self.clients[index].watches.insert(watch)
      return []
    case .delete(let node):
      switch self.server.delete(node.name) {
      case .success(let fired):
        self.fire(fired)
        return [.deleted(node, .success(()))]
      case .failure(let failure):
        return [.deleted(node, .failure(failure))]
      }
    case .search(let identifier, let session):
      return [
        .searched(identifier: identifier, session: session, self.server.view(own: nil, identifier: identifier))
      ]
    default:
      return []
    }
  }

  private mutating func fire(_ watches: [ModelServer.Watch]) {
    for watch in watches {
      guard let index = self.clients.firstIndex(where: { $0.session == watch.session }) else { continue }
      let node = QueueNode(name: watch.name, czxid: 0, session: watch.session)
      self.clients[index].replies.append(
        watch.attempt.map { .predecessorGone(attempt: $0) } ?? self.ownGone(node, index)
      )
    }
  }

  /// The machine knows its node by name and token; the watch only by name.
  private func ownGone(_ node: QueueNode, _ index: Int) -> QueueEvent {
    let client = self.clients[index]
    if let held = client.held, held.node.name == node.name { return .ownGone(held.node) }
    if case .watching(_, let own, _) = client.machine.phase, own.name == node.name { return .ownGone(own) }
    return .ownGone(node)
  }

  // MARK: Faults

  /// The server may have carried out some of what was on the way; the client hears of nothing.
  private mutating func disconnect(_ index: Int, carriedOut: Int) throws(Violation) {
    var lost: [QueueEvent] = self.clients[index].replies.filter(\.isReply).map(\.inDoubt)
    for (position, request) in self.clients[index].requests.enumerated() {
      if position < carriedOut { _ = self.carryOut(request, for: index) }
      if let reply = request.lostReply { lost.append(reply) }
    }
    // A watch whose reply was lost is unknown to the client, so it is not set again.
    let unknown = Set(lost.compactMap(\.watchedAttempt))
    self.clients[index].watches = self.clients[index].watches.filter { watch in
      watch.attempt.map { !unknown.contains($0) } ?? true
    }
    self.clients[index].requests = []
    self.clients[index].replies = []
    self.clients[index].isConnected = false
    self.server.forgetWatches(of: self.clients[index].session)
    try self.feed(index, .suspended)
    for event in lost { try self.feed(index, event) }
    // Requests made while the connection is down fail before it is back.
    while !self.clients[index].requests.isEmpty {
      let request = self.clients[index].requests.removeFirst()
      if let reply = request.lostReply { try self.feed(index, reply) }
    }
  }

  private mutating func reconnect(_ index: Int) throws(Violation) {
    self.clients[index].isConnected = true
    for watch in self.clients[index].watches {
      if self.server.node(watch.name) == nil {
        self.clients[index].watches.remove(watch)
        self.fire([watch])
      } else {
        _ = self.server.watch(watch)
      }
    }
    try self.feed(index, .connected(session: self.clients[index].session))
  }

  private mutating func expire(_ index: Int) throws(Violation) {
    let old = self.clients[index].session
    self.fire(self.server.expire(old))
    self.clients[index].watches = []
    self.clients[index].replies = []
    try self.feed(index, .ended(session: old))
    self.clients[index].held = nil
    self.clients[index].session = self.nextSession
    self.clients[index].hasLiveTerm = true
    self.nextSession += 1
    self.clients[index].isConnected = true
    try self.feed(index, .connected(session: self.clients[index].session))
  }

  // MARK: The end

  /// Lets everything come to rest without further callers and faults, and checks that nobody was forgotten and nothing left.
  mutating func settle() throws(Violation) {
    self.callers = 0
    self.faults = 0
    var rounds = 0
    while let step = self.steps.first(where: { step in if case .leave = step { false } else { true } }) {
      rounds += 1
      guard rounds < 10_000 else { throw Violation(description: "it never comes to rest") }
      try self.take(step)
    }
    for client in self.clients {
      guard client.waiting.isEmpty else {
        throw Violation(description: "\(client.number) waits for ever in \(client.machine.phase)")
      }
      guard client.machine.isIdle else { throw Violation(description: "\(client.number) is not idle at the end") }
      guard client.failed == 0 else { throw Violation(description: "\(client.number) failed") }
    }
    guard self.server.nodes.isEmpty else {
      throw Violation(description: "left at the server: \(self.server.nodes.map(\.name))")
    }
  }
}

extension QueueEvent {
  fileprivate var isReply: Bool {
    switch self {
    case .predecessorGone, .ownGone, .termLive: false
    default: true
    }
  }

  fileprivate var watchedAttempt: UInt64? {
    if case .predecessorWatched(let attempt, .failure(.inDoubt)) = self { attempt } else { nil }
  }

  /// The same reply, lost on the way.
  fileprivate var inDoubt: QueueEvent {
    switch self {
    case .entered(let attempt, _, _): .entered(attempt: attempt, create: .failure(.inDoubt), view: .failure(.inDoubt))
    case .directoryMade(let attempt, _): .directoryMade(attempt: attempt, .failure(.inDoubt))
    case .listed(let attempt, _): .listed(attempt: attempt, .failure(.inDoubt))
    case .inspected(let attempt, _): .inspected(attempt: attempt, .failure(.inDoubt))
    case .predecessorWatched(let attempt, _): .predecessorWatched(attempt: attempt, .failure(.inDoubt))
    case .deleted(let node, _): .deleted(node, .failure(.inDoubt))
    case .searched(let identifier, let session, _):
      .searched(identifier: identifier, session: session, .failure(.inDoubt))
    default: self
    }
  }
}

extension QueueAction {
  /// What the client hears of a request whose reply never comes.
  fileprivate var lostReply: QueueEvent? {
    switch self {
    case .enter(let attempt, _, _):
      .entered(attempt: attempt, create: .failure(.inDoubt), view: .failure(.inDoubt))
    case .makeDirectory(let attempt, _): .directoryMade(attempt: attempt, .failure(.inDoubt))
    case .list(let attempt, _, _, _, _): .listed(attempt: attempt, .failure(.inDoubt))
    case .inspect(let attempt, _, _): .inspected(attempt: attempt, .failure(.inDoubt))
    case .watchPredecessor(let attempt, _, _): .predecessorWatched(attempt: attempt, .failure(.inDoubt))
    case .watchOwn(let node): .ownWatchFailed(node)
    case .delete(let node): .deleted(node, .failure(.inDoubt))
    case .search(let identifier, let session):
      .searched(identifier: identifier, session: session, .failure(.inDoubt))
    default: nil
    }
  }
}

import LatchkeyTesting

@testable import LatchkeyZooKeeper

/// What tells one state from another. Clients are alike: states that differ by who is who are one. Of nodes only the place in
/// the queue counts, and of attempts, sessions and nodes that are gone only which are the same.
extension QueueModel {
  func digest(_ state: State, into digest: inout StateDigest) {
    digest.add(state.faults)
    digest.add(state.server.isDirectoryMade)
    digest.add(state.server.nodes.count)
    digest.add(state.server.lateCreates.count)
    for value in state.clients.map({ Self.digest(of: $0, state) }).sorted() { digest.add(value) }
  }

  private static func digest(of client: ModelClient, _ state: State) -> UInt64 {
    var digest = ClientDigest(state: state, client: client)
    digest.addClient()
    return digest.words.value
  }
}

/// The digest of one client as the server sees it.
private struct ClientDigest {
  let state: QueueModel.State
  let client: ModelClient
  var words = StateDigest()

  init(state: QueueModel.State, client: ModelClient) {
    self.state = state
    self.client = client
  }

  mutating func addClient() {
    let client = self.client
    self.session(client.session)
    self.words.add(client.isSessionAlive)
    self.words.add(client.isConnected)
    self.words.add(client.hasLiveTerm)
    self.words.add(client.awaitsTerm != nil)
    if let session = client.awaitsTerm { self.session(session) }
    for node in self.state.server.nodes where node.session == client.session {
      self.node(node.name)
      self.identifier(node.identifier)
      self.words.add(node.isLate)
    }
    self.words.add(client.callers.count)
    for patient in client.callers { self.words.add(patient) }
    self.words.add(client.waiting.count)
    for patient in client.waiting { self.words.add(patient) }
    self.add(client.machine)
    self.words.add(client.hold != nil)
    if let hold = client.hold {
      self.add(hold.node)
      self.words.add(hold.isHeld)
    }
    self.words.add(client.isClosed)
    self.words.add(client.isDenied)
    self.words.add(client.releasing.count)
    for node in client.releasing { self.add(mention: node) }
    self.words.add(client.requests.count)
    for request in client.requests { self.add(request) }
    self.words.add(client.kept.count)
    for request in client.kept { self.add(request) }
    self.words.add(client.laggingNodes?.count ?? -1)
    for node in client.laggingNodes ?? [] { self.node(node.name) }
    for create in self.state.server.lateCreates where create.session == client.session {
      self.identifier(create.identifier)
    }
    self.words.add(client.replies.count)
    for reply in client.replies {
      self.add(reply.message)
      let gone = reply.gone.filter { !client.toldGone.contains($0) }
      self.words.add(gone.count)
      for name in gone { self.node(name) }
    }
    self.words.add(client.watches.count)
    for watch in client.watches {
      self.node(watch.name)
      self.words.add(watch.isActive)
      self.optional(watch.attempt)
    }
    for watch in self.state.server.watches where watch.session == client.session {
      self.node(watch.name)
      self.optional(watch.attempt)
    }
    self.words.add(client.laterWatches.count)
    for later in client.laterWatches {
      self.add(mention: later.node)
      self.watch(later.number)
    }
    self.words.add(client.pauses.count)
    for pause in client.pauses { self.add(pause) }
    for name in client.toldGone where client.machine.node?.name == name { self.words.add(1) }
  }

  // MARK: Names

  private mutating func session(_ session: UInt64) { self.words.add(name: session, of: 1) }

  private mutating func attempt(_ attempt: UInt64) { self.words.add(name: attempt, of: 2) }

  private mutating func watch(_ number: UInt64) { self.words.add(name: number, of: 5) }

  private mutating func optional(_ attempt: UInt64?) {
    self.words.add(attempt != nil)
    if let attempt { self.attempt(attempt) }
  }

  private mutating func identifier(_ text: String) { self.words.add(name: Self.word(text), of: 3) }

  private mutating func node(_ name: String) {
    self.words.add(self.state.deletedByHand.contains(name))
    guard let place = self.state.server.place(of: name) else {
      self.words.add(-1)
      return self.words.add(name: Self.word(name), of: 4)
    }
    self.words.add(place)
    self.words.add(self.state.server.nodes[place].czxid > self.state.lastToken)
  }

  /// A node by which the lock may be granted, or is held: its token matters.
  private mutating func add(_ node: QueueNode) {
    self.add(mention: node)
    // Nothing is granted once the session is over.
    guard self.client.isSessionAlive else { return }
    self.words.add(node.czxid > self.state.lastToken || self.state.deletedByHand.contains(node.name))
  }

  /// A node by which nothing will be granted, so that its token does not matter.
  private mutating func add(mention node: QueueNode) {
    self.node(node.name)
    self.session(node.session)
  }

  /// Names are short: seven bytes are enough.
  private static func word(_ text: String) -> UInt64 {
    var word: UInt64 = 0
    for byte in text.utf8 { word = word << 8 | UInt64(byte) }
    return word & 0xff_ffff_ffff_ffff
  }

  /// By place in the queue: names would tell apart what is alike.
  private func isOrdered(_ one: String, _ other: String) -> Bool {
    (self.state.server.place(of: one) ?? -1, one) < (self.state.server.place(of: other) ?? -1, other)
  }

  // MARK: The machine

  private mutating func add(_ machine: QueueMachine) {
    self.words.add(machine.patient)
    self.words.add(machine.impatient)
    self.words.add(machine.connectedSession != nil)
    if let session = machine.connectedSession { self.session(session) }
    self.add(machine.phase)
    let litter = machine.litter
    self.words.add(litter.deletes.count)
    for (node, isInFlight) in litter.deletes.sorted(by: { self.isOrdered($0.key.name, $1.key.name) }) {
      self.add(mention: node)
      self.words.add(isInFlight)
      self.words.add(litter.doubted.contains(node))
    }
    self.words.add(litter.creates.count)
    for (_, attempt) in litter.creates.sorted(by: { $0.key < $1.key }) { self.add(attempt) }
    self.words.add(litter.searches.count)
    for (identifier, search) in litter.searches.sorted(by: { $0.key < $1.key }) {
      self.identifier(identifier)
      self.session(search.session)
      self.words.add(search.isInFlight)
    }
    self.words.add(machine.strangers.count)
    for (name, stranger) in machine.strangers.sorted(by: { self.isOrdered($0.key, $1.key) }) {
      self.node(name)
      self.session(stranger.session)
      self.words.add(stranger.isLookedAt)
    }
    self.words.add(machine.ownWatch != nil)
    if let watch = machine.ownWatch {
      self.watch(watch.number)
      self.words.add(watch.isAnswered)
      self.words.add(watch.node == machine.node)
      self.add(mention: watch.node)
    }
  }

  private mutating func add(_ attempt: QueueMachine.Attempt) {
    self.attempt(attempt.number)
    self.identifier(attempt.identifier)
    self.session(attempt.session)
    self.words.add(attempt.directoriesMade)
  }

  private mutating func add(_ phase: QueueMachine.Phase) {
    switch phase {
    case .idle: self.words.add(0)
    case .needSession: self.words.add(1)
    case .entering(let attempt): self.add(2, attempt)
    case .makingDirectory(let attempt): self.add(3, attempt)
    case .inDoubt(let attempt): self.add(4, attempt)
    case .recovering(let attempt): self.add(5, attempt)
    case .inspecting(let attempt, let name):
      self.add(6, attempt)
      self.node(name)
    case .listing(let attempt, let node): self.add(7, attempt, node)
    case .ordering(let attempt, let node): self.add(8, attempt, node)
    case .watching(let attempt, let node, let place):
      self.add(9, attempt, node)
      self.words.add(place.ahead)
    case .ripe(let attempt, let node): self.add(10, attempt, node)
    case .throttled(let attempt, let refused):
      switch refused {
      case .enter: self.add(12, attempt)
      case .makeDirectory: self.add(13, attempt)
      case .recover: self.add(14, attempt)
      case .list(let node): self.add(15, attempt, node)
      }
    case .held(_, let node):
      self.words.add(11)
      self.add(node)
    }
  }

  private mutating func add(_ tag: Int, _ attempt: QueueMachine.Attempt, _ node: QueueNode? = nil) {
    self.words.add(tag)
    self.add(attempt)
    if let node { self.add(node) }
  }

  private mutating func add(_ pause: QueuePause) {
    switch pause {
    case .attempt(let attempt):
      self.words.add(1)
      self.attempt(attempt)
    case .delete(let node):
      self.words.add(2)
      self.add(mention: node)
    case .search(let identifier, let session):
      self.words.add(3)
      self.identifier(identifier)
      self.session(session)
    case .stranger(let name, let session):
      self.words.add(4)
      self.node(name)
      self.session(session)
    }
  }

  // MARK: Messages

  private mutating func add(_ request: QueueAction) {
    switch request {
    case .enter(let attempt, let identifier, let session):
      self.words.add(1)
      self.attempt(attempt)
      self.identifier(identifier)
      self.session(session)
    case .makeDirectory(let attempt, _):
      self.words.add(2)
      self.attempt(attempt)
    case .list(let attempt, let own, let identifier, let sync, _):
      self.words.add(own == nil ? 3 : 4)
      self.words.add(sync)
      self.attempt(attempt)
      self.identifier(identifier)
    case .inspect(let attempt, let name, _):
      self.words.add(5)
      self.attempt(attempt)
      self.node(name)
    case .watchPredecessor(let attempt, let name, _):
      self.words.add(6)
      self.attempt(attempt)
      self.node(name)
    case .watchOwn(let node, let number):
      self.words.add(7)
      self.add(mention: node)
      self.watch(number)
    case .delete(let node):
      self.words.add(8)
      self.add(mention: node)
    case .search(let identifier, _):
      self.words.add(9)
      self.identifier(identifier)
    case .lookAtStranger(let name, let session):
      self.words.add(10)
      self.node(name)
      self.session(session)
    default: preconditionFailure("no request")
    }
  }

  private mutating func add(_ message: ModelClient.Message) {
    switch message {
    case .reply(let event): self.add(event)
    case .fired(let name, let attempt):
      self.words.add(21)
      self.node(name)
      self.optional(attempt)
    }
  }

  private mutating func add(_ event: QueueEvent) {
    switch event {
    case .entered(let attempt, let create, let view):
      self.words.add(1)
      self.attempt(attempt)
      if case .success(let node) = create { self.add(node) }
      if case .failure(let failure) = create { self.add(failure) }
      self.add(view)
    case .directoryMade(let attempt, let result):
      self.words.add(2)
      self.attempt(attempt)
      if case .failure(let failure) = result { self.add(failure) }
    case .listed(let attempt, let view):
      self.words.add(3)
      self.attempt(attempt)
      self.add(view)
    case .inspected(let attempt, let result):
      self.words.add(4)
      self.attempt(attempt)
      if case .success(let node?) = result { self.add(node) }
      if case .failure(let failure) = result { self.add(failure) }
    case .predecessorWatched(let attempt, let name, let result):
      self.words.add(5)
      self.attempt(attempt)
      self.node(name)
      if case .failure(let failure) = result { self.add(failure) }
    case .deleted(let node, let result):
      self.words.add(6)
      self.add(mention: node)
      if case .failure(let failure) = result { self.add(failure) }
    case .searched(let identifier, _, let view):
      self.words.add(7)
      self.identifier(identifier)
      self.add(view)
    case .ownWatched(let node, let number, let result):
      self.words.add(8)
      self.add(mention: node)
      self.watch(number)
      if case .failure(let failure) = result { self.add(failure) }
    case .strangerSeen(let name, let session, let result):
      self.words.add(9)
      self.node(name)
      self.session(session)
      if case .success(let node) = result { self.words.add(node != nil) }
      if case .failure(let failure) = result { self.add(failure) }
    default: preconditionFailure("no reply")
    }
  }

  private mutating func add(_ failure: QueueFailure) {
    switch failure {
    case .noNode: self.words.add(-2)
    case .throttled: self.words.add(-3)
    case .inDoubt: self.words.add(-4)
    case .sessionOver: self.words.add(-5)
    case .permanent: self.words.add(-6)
    }
  }

  private mutating func add(_ result: Result<QueueView, QueueFailure>) {
    guard case .success(let view) = result else {
      self.words.add(-1)
      if case .failure(let failure) = result { self.add(failure) }
      return
    }
    self.words.add(view.ownIndex ?? -1)
    if let predecessor = view.predecessor { self.node(predecessor) }
    self.words.add(view.matches.count)
    for name in view.matches { self.node(name) }
    self.words.add(view.ours.count)
    for name in view.ours { self.node(name) }
  }
}

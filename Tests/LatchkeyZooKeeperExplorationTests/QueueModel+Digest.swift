import Latchkey
import LatchkeyExplorer
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
    digest.add(state.outsider.count)
    for node in state.outsider { digest.add(ModelMarker(of: node).rawValue) }
    for value in state.clients.map({ Self.digest(of: $0, state) }).sorted() { digest.add(value) }
  }

  private static func digest(of client: ModelClient, _ state: State) -> UInt64 {
    var digest = ClientDigest(state: state, client: client)
    digest.addClient()
    return digest.words.value
  }
}

/// The digest of one client as the server sees it.
struct ClientDigest {
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
    self.marker(client.machine.rule(.exclusive).ownMarker)
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
    for caller in client.callers { self.add(caller) }
    self.words.add(client.waiting.count)
    for caller in client.waiting { self.add(caller) }
    self.words.add(client.newcomers)
    self.words.add(client.undisturbed)
    self.add(client.machine)
    self.words.add(client.holds.count)
    for hold in client.holds {
      self.add(hold.node)
      self.words.add(hold.isHeld)
      self.words.add(hold.callers)
      self.words.add(hold.isConverting)
      self.words.add(hold.then.count)
      for conversion in hold.then { self.words.add(conversion.rawValue) }
    }
    self.words.add(client.isClosed)
    self.words.add(client.isDenied)
    self.words.add(client.releasing.count)
    for node in client.releasing { self.add(mention: node) }
    self.words.add(client.requests.count)
    for request in client.requests { self.add(request) }
    switch client.halfway {
    case nil: self.words.add(0)
    case .replaced(let name):
      self.words.add(1)
      self.node(name)
    case .listed(let isAlone): self.words.add(isAlone ? 2 : 3)
    case .deleted: self.words.add(4)
    }
    self.words.add(client.kept.count)
    for request in client.kept { self.add(request) }
    self.words.add(client.laggingNodes?.count ?? -1)
    for node in client.laggingNodes ?? [] { self.node(node.name) }
    for create in self.state.server.lateCreates where create.session == client.session {
      self.identifier(create.identifier)
      self.words.add(create.marker.rawValue)
    }
    // Of nodes that are gone, only those count by which the client may be granted the lock: those of its attempt.
    let toldGone = client.toldGone.filter { self.isOfAttempt($0) }
    self.words.add(toldGone.count)
    for name in toldGone { self.node(name) }
    self.words.add(client.replies.count)
    for reply in client.replies {
      self.add(reply.message)
      let gone = reply.gone.filter { self.isOfAttempt($0) && !toldGone.contains($0) }
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
    if self.state.faults > 0 {
      let blockers = client.blockers.filter { $0.attempt == client.machine.attempt?.number }
      self.words.add(blockers.count)
      for blocker in blockers { self.node(blocker.name) }
    }
  }

  private func isOfAttempt(_ name: String) -> Bool {
    self.client.machine.attempt.map { name.hasPrefix($0.identifier) } ?? false
  }

  // MARK: Names

  mutating func session(_ session: UInt64) { self.words.add(name: session, of: 1) }

  mutating func attempt(_ attempt: UInt64) { self.words.add(name: attempt, of: 2) }

  mutating func watch(_ number: UInt64) { self.words.add(name: number, of: 5) }

  mutating func optional(_ attempt: UInt64?) {
    self.words.add(attempt != nil)
    if let attempt { self.attempt(attempt) }
  }

  mutating func identifier(_ text: String) { self.words.add(name: Self.word(text), of: 3) }

  mutating func marker(_ text: String) { self.words.add(ModelMarker(text).rawValue) }

  private mutating func add(_ caller: ModelCaller) {
    self.words.add(caller.isPatient)
    self.words.add(caller.want == .shared)
    self.words.add(caller.then.count)
    for conversion in caller.then { self.words.add(conversion.rawValue) }
  }

  mutating func node(_ name: String) {
    let marker = ModelMarker(of: name)
    self.words.add(marker.rawValue)
    self.words.add(self.state.deletedByHand.contains(name))
    guard let place = self.state.server.place(of: name) else {
      self.words.add(-1)
      return self.words.add(name: Self.word(name), of: 4)
    }
    self.words.add(place)
    self.words.add(self.state.server.nodes[place].czxid << 8 > self.state.lastToken(against: marker))
  }

  /// A node by which the lock may be granted, or is held: its token matters.
  mutating func add(_ node: NodeQueueNode) {
    self.add(mention: node)
    // Nothing is granted once the session is over.
    guard self.client.isSessionAlive else { return }
    self.words.add(
      node.token > self.state.lastToken(against: ModelMarker(of: node.name))
        || self.state.deletedByHand.contains(node.name)
    )
  }

  /// A node by which nothing will be granted, so that its token does not matter.
  mutating func add(mention node: NodeQueueNode) {
    self.node(node.name)
    self.session(node.session)
  }

  /// Names are short: seven bytes are enough.
  private static func word(_ text: String) -> UInt64 {
    var word: UInt64 = 0
    for byte in text.utf8 { word = word << 8 | UInt64(byte) }
    return word & 0xff_ffff_ffff_ffff
  }
}

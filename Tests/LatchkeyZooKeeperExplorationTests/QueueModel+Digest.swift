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
    digest.add(state.outsider.map { ModelMarker(of: $0).rawValue } ?? -1)
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
      self.words.add(create.marker.rawValue)
    }
    let own = client.machine.node?.name
    let isToldGone = own.map(client.toldGone.contains) ?? false
    self.words.add(isToldGone)
    self.words.add(client.replies.count)
    for reply in client.replies {
      self.add(reply.message)
      // Of those that are gone, only the node counts by which the client may be granted the lock.
      self.words.add(!isToldGone && own.map(reply.gone.contains) ?? false)
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
    self.words.add(self.state.server.nodes[place].czxid > self.state.lastToken(against: marker))
  }

  /// A node by which the lock may be granted, or is held: its token matters.
  mutating func add(_ node: NodeQueueNode) {
    self.add(mention: node)
    // Nothing is granted once the session is over.
    guard self.client.isSessionAlive else { return }
    self.words.add(
      node.czxid > self.state.lastToken(against: ModelMarker(of: node.name))
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

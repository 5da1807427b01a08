#if Etcd
import LatchkeyExplorer
import LatchkeyTesting

@testable import LatchkeyEtcd

/// What tells one state from another. Clients are alike: states that differ by who is who are one. Of revisions only the place
/// in the queue counts, and of attempts, sessions and revisions that are gone only which are the same.
extension QueueModel {
  func digest(_ state: State, into digest: inout StateDigest) {
    digest.add(state.plan?[state.clients.count] ?? -1)
    let least = StateDigest.least(among: Self.looks(of: state)) { order in
      var words = StateDigest()
      // A key can come back under its name, so it matters whose it was: clients are numbered by what they look like.
      var ranks = Array(repeating: 0, count: order.count)
      for (rank, index) in order.enumerated() { ranks[index] = rank }
      for key in state.server.keys { words.add(ranks[Int(key.name[0])]) }
      for index in order { words.add(ClientDigest.of(index, state, ranks: ranks)) }
      return words.value
    }
    digest.add(least)
  }

  /// What the clients look like, whoever the others are.
  private static func looks(of state: State) -> [UInt64] {
    // A glance tells most of them apart: keys have each its place in the queue.
    let glances = state.clients.indices.map { Self.glance(at: $0, state) }
    guard Set(glances).count < glances.count else { return glances }
    return state.clients.indices.map { index in
      var look = StateDigest()
      look.add(glances[index])
      look.add(ClientDigest.of(index, state, ranks: nil))
      return look.value
    }
  }

  private static func glance(at index: Int, _ state: State) -> UInt64 {
    var digest = StateDigest()
    for place in state.server.keys.indices where Int(state.server.keys[place].name[0]) == index { digest.add(place) }
    digest.add(state.clients[index].requests.count)
    digest.add(state.clients[index].answers.count)
    digest.add(state.clients[index].watches.count)
    digest.add(state.clients[index].callers.count)
    digest.add(state.clients[index].hasLiveTerm)
    digest.add(state.plan?[index] ?? -1)
    return digest.value
  }
}

/// The digest of one client as the server sees it.
private struct ClientDigest {
  let state: QueueModel.State
  let index: Int
  let ranks: [Int]?
  var words = StateDigest()

  static func of(_ index: Int, _ state: QueueModel.State, ranks: [Int]?) -> UInt64 {
    var digest = ClientDigest(state: state, index: index, ranks: ranks)
    digest.add(state.clients[index])
    return digest.words.value
  }

  private mutating func add(_ client: ModelClient) {
    self.words.add(self.state.plan?[self.index] ?? -1)
    self.session(client.session)
    self.words.add(self.state.server.sessions.contains(client.session))
    self.words.add(client.hasLiveTerm)
    self.words.add(client.needsRecheck)
    self.words.add(client.oldSessions.count)
    for session in client.oldSessions { self.session(session) }
    for key in self.state.server.keys where Int(key.name[0]) == self.index { self.key(key.name) }
    self.words.add(client.comesBack)
    self.words.add(client.callers.count)
    for patient in client.callers { self.words.add(patient) }
    self.words.add(client.waiting.count)
    for patient in client.waiting { self.words.add(patient) }
    self.words.add(client.newcomers)
    self.words.add(client.undisturbed)
    self.add(client.machine)
    self.words.add(client.hold != nil)
    if let hold = client.hold {
      self.add(hold.node)
      self.words.add(hold.isHeld)
    }
    let releasing = client.releasing.sorted { ($0.key.last ?? 0, $0.revision) < ($1.key.last ?? 0, $1.revision) }
    self.words.add(releasing.count)
    for node in releasing { self.add(mention: node) }
    self.words.add(client.requests.count)
    for request in client.requests {
      self.add(request.action)
      self.words.add(request.copies)
    }
    self.words.add(client.answers.count)
    for answer in client.answers { self.add(answer) }
    self.words.add(client.events.count)
    for told in client.events {
      self.key(told.key)
      self.words.add(told.isOwn)
      self.words.add(told.isDeletion)
    }
    self.words.add(client.watches.count)
    for watch in client.watches {
      self.key(watch.key)
      self.words.add(watch.isSet)
      self.words.add(watch.isParked)
      self.words.add(watch.since != nil)
      self.words.add(watch.node != nil)
      guard !watch.isParked else { continue }
      if let node = watch.node { self.add(mention: node) } else { self.attempt(watch.attempt) }
    }
    self.order(of: client)
    self.words.add(client.late != nil)
    if let late = client.late { self.add(mention: late) }
    self.words.add(client.ghosts.count)
    for ghost in client.ghosts { self.add(ghost) }
  }

  /// The order in which those revisions came that watches and reads are compared by.
  private mutating func order(of client: ModelClient) {
    guard !client.watches.isEmpty || client.late != nil || !client.answers.isEmpty || !client.requests.isEmpty else {
      return
    }
    guard client.comesBack else { return self.gaps(of: client) }
    var revisions = [self.state.server.revision]
    for watch in client.watches { revisions += [watch.since ?? 0, watch.last, watch.isParked ? 0 : watch.asOf] }
    revisions += client.events.map(\.revision)
    revisions += client.answers.flatMap { [$0.view?.revision ?? 0, $0.node?.revision ?? 0] }
    revisions.append(client.late?.revision ?? 0)
    revisions += client.requests.map { self.state.server.revision(foundBy: $0) ?? 0 }
    let places = Set(revisions).sorted()
    for revision in revisions { self.words.add(places.firstIndex(of: revision) ?? 0) }
  }

  /// All that matters of revisions where no watch outlasts its use, since nobody asks twice: whether something may happen, or has
  /// happened, between a read and the setting of a watch.
  private mutating func gaps(of client: ModelClient) {
    let now = self.state.server.revision
    // What happened since matters until the watch is set, and again if its stream breaks.
    for watch in client.watches { self.words.add(watch.asOf == now && (!watch.isSet || self.mayBreak)) }
    for told in client.events {
      let watch = client.watch(isOwn: told.isOwn).map { client.watches[$0] }
      self.words.add(watch.map { told.revision <= $0.asOf } ?? false)
    }
    for answer in client.answers {
      self.words.add(answer.view?.revision == now)
      self.words.add(answer.node?.revision == now)
    }
    self.words.add(client.late?.revision == now)
    for request in client.requests { self.words.add(self.state.server.revision(foundBy: request) == now) }
  }

  /// Whether the client's stream of watches may break yet.
  private var mayBreak: Bool {
    guard let plan = self.state.plan else { return false }
    return plan[self.index] > 0 || plan[self.state.clients.count] > 0
  }

  // MARK: Names

  private mutating func session(_ session: UInt64) { self.words.add(name: session, of: 1) }

  private mutating func attempt(_ attempt: UInt64) { self.words.add(name: attempt, of: 2) }

  private mutating func key(_ key: [UInt8]) {
    let owner = Int(key[0])
    if owner == self.index {
      self.session(UInt64(key[1]))
    } else {
      self.words.add(self.ranks?[owner] ?? -2)
      self.words.add(self.state.clients[owner].session == UInt64(key[1]))
    }
    self.words.add(Int(key[2]))
    self.words.add(self.state.server.place(of: key) ?? -1)
  }

  /// A key by which the lock may be granted, or is held: its token matters.
  private mutating func add(_ node: KeyQueueNode) {
    self.add(mention: node)
    let isDeletedByHand = self.state.deletedByHand.contains(node.revision)
    self.words.add(isDeletedByHand)
    self.words.add(isDeletedByHand || node.revision > self.state.lastToken)
  }

  /// A key by which nothing will be granted.
  private mutating func add(mention node: KeyQueueNode) {
    self.key(node.key)
    self.revision(node.revision, of: node.key)
  }

  private mutating func revision(_ revision: Int64, of key: [UInt8]) {
    guard revision != KeyQueueNode.anyRevision else { return self.words.add(0) }
    if let place = self.state.server.place(of: key), self.state.server.keys[place].revision == revision {
      self.words.add(1)
    } else {
      self.words.add(2)
      self.words.add(name: UInt64(revision), of: 3)
    }
  }

  // MARK: The machine

  private mutating func add(_ machine: KeyQueue) {
    self.words.add(machine.session != nil)
    if let session = machine.session { self.session(session) }
    self.add(machine.phase)
    let litter = machine.litter
    let deletes = litter.deletes.sorted { ($0.key.last ?? 0, $0.revision) < ($1.key.last ?? 0, $1.revision) }
    self.words.add(deletes.count)
    for node in deletes { self.add(mention: node) }
    self.words.add(litter.entries.count)
    for (_, attempt) in litter.entries.sorted(by: { $0.key < $1.key }) { self.add(attempt) }
    self.words.add(litter.doubtful.count)
    for doubt in litter.doubtful {
      self.add(mention: doubt.node)
      self.words.add(doubt.copies)
      self.words.add(doubt.sweepsLeft)
      self.words.add(doubt.isBeingSwept)
    }
  }

  private mutating func add(_ attempt: KeyQueue.Attempt) {
    self.attempt(attempt.number)
    self.session(attempt.session)
    self.words.add(Int(attempt.slot))
    self.words.add(attempt.onlyIfEmpty)
    self.words.add(attempt.isOwnWatchAsked)
    self.words.add(attempt.isOwnWatched)
    self.words.add(attempt.watched != nil)
    if let watched = attempt.watched { self.key(watched) }
    self.words.add(attempt.isPredecessorWatched)
    self.words.add(attempt.mustRead)
  }

  private mutating func add(_ phase: KeyQueue.Phase) {
    switch phase {
    case .idle: self.words.add(0)
    case .needSession: self.words.add(1)
    case .entering(let attempt):
      self.words.add(2)
      self.add(attempt)
    case .watching(let attempt, let node, let view): self.add(3, attempt, node, view)
    case .checking(let attempt, let node, let view, let again): self.add(again ? 4 : 5, attempt, node, view)
    case .ripe(let attempt, let node):
      self.words.add(6)
      self.add(attempt)
      self.add(node)
    case .held(let node, let isOwnWatched):
      self.words.add(isOwnWatched ? 7 : 8)
      self.add(node)
    }
  }

  private mutating func add(_ tag: Int, _ attempt: KeyQueue.Attempt, _ node: KeyQueueNode, _ view: KeyQueueView) {
    self.words.add(tag)
    self.add(attempt)
    self.add(node)
    self.add(view)
  }

  private mutating func add(_ view: KeyQueueView) {
    self.words.add(view.predecessor != nil)
    if let predecessor = view.predecessor { self.key(predecessor) }
    self.words.add(view.isNext)
  }

  // MARK: Messages

  /// Whether an answer to an attempt's entry is waited for: one to another grants nothing.
  private func isPresent(_ attempt: UInt64) -> Bool {
    guard case .entering(let present) = self.state.clients[self.index].machine.phase else { return false }
    return present.number == attempt
  }

  private mutating func add(_ request: KeyQueueRequest) {
    switch request {
    case .enter(let attempt, let session, let slot, let onlyIfEmpty):
      self.words.add(onlyIfEmpty ? 1 : 2)
      self.attempt(attempt)
      self.session(session)
      self.words.add(Int(slot))
    case .check(let attempt, let node):
      self.words.add(3)
      self.attempt(attempt)
      self.add(mention: node)
    case .confirm(let node):
      self.words.add(4)
      self.add(mention: node)
    case .delete(let node):
      self.words.add(5)
      self.add(mention: node)
    default: preconditionFailure("no request")
    }
  }

  private mutating func add(_ event: KeyQueueEvent) {
    switch event {
    case .entered(let attempt, let result, let node, let copies):
      self.words.add(1)
      self.attempt(attempt)
      self.words.add(copies)
      if let node { self.add(mention: node) }
      switch result {
      case .success(.entered(let node, let view)):
        self.words.add(1)
        if self.isPresent(attempt) { self.add(node) } else { self.add(mention: node) }
        self.add(view)
      case .success(.busy): self.words.add(2)
      case .success(.gone): self.words.add(3)
      case .failure(.sessionOver): self.words.add(4)
      case .failure: self.words.add(5)
      }
    case .checked(let attempt, let result):
      self.words.add(2)
      self.attempt(attempt)
      switch result {
      case .success(.standing(let view)):
        self.words.add(1)
        self.add(view)
      case .success(.gone): self.words.add(2)
      case .failure: self.words.add(3)
      }
    case .confirmed(let node, let exists):
      self.words.add(exists ? 7 : 8)
      self.add(mention: node)
    case .deleted(let node, _, let wasThere):
      self.words.add(wasThere ? 9 : 10)
      self.add(mention: node)
    default: preconditionFailure("no message")
    }
  }
}

extension ModelServer {
  /// The revision of the key that an entry will find, if it was carried out before.
  fileprivate func revision(foundBy request: ModelClient.Request) -> Int64? {
    guard request.copies > 0, case .enter(_, let session, let slot, _) = request.action else { return nil }
    return self.keys.first { $0.session == session && UInt64($0.name[2]) == slot }?.revision
  }
}

extension KeyQueueEvent {
  /// The place that a read has found.
  fileprivate var view: KeyQueueView? {
    switch self {
    case .entered(_, .success(.entered(_, let view)), _, _), .checked(_, .success(.standing(let view))): view
    default: nil
    }
  }

  /// The key that an entry has found or made.
  fileprivate var node: KeyQueueNode? {
    if case .entered(_, .success(.entered(let node, _)), _, _) = self { node } else { nil }
  }
}
#endif

internal import Latchkey

/// What a queue has left behind and still has to clean up: nodes to delete, creates whose answer is outstanding or lost.
///
/// Everything is tried at least once more after each reconnect, until it is done or the session, and with it every node, is
/// over.
struct NodeQueueLitter: Sendable {
  struct Search: Sendable {
    let session: UInt64
    var isInFlight: Bool
  }

  /// Rules of the queue; see ``NodeQueue/Rules``.
  var retriesDeletes = true
  var repeatsRefused = true
  var settlesOnSuspension = true
  /// Nodes to delete, and whether the request is under way, or was refused a moment ago.
  private(set) var deletes = OrderedTable<NodeQueueNode, Bool>()
  /// Abandoned attempts whose create has not been answered.
  private(set) var creates: [UInt64: NodeQueue.Attempt] = [:]
  /// Identifiers of creates whose answer was lost.
  private(set) var searches = OrderedTable<String, Search>()

  var isEmpty: Bool { self.deletes.isEmpty && self.creates.isEmpty && self.searches.isEmpty }

  func contains(_ node: NodeQueueNode) -> Bool { self.deletes.contains(node) }

  /// Deletes a node: now, if its session is connected, else in the background.
  mutating func delete(_ node: NodeQueueNode, connected: UInt64?) -> [NodeQueueAction] {
    let isConnected = connected == node.session
    self.deletes[node] = isConnected
    return [isConnected ? .send(.delete(node)) : .releaseSettled(node, isConfirmed: false)]
  }

  mutating func deleted(
    _ node: NodeQueueNode,
    _ result: Result<Void, NodeQueueFailure>,
    connected: UInt64?
  ) -> [NodeQueueAction] {
    if case .failure(.throttled) = result, self.deletes[node] != nil, self.repeatsRefused {
      return [.releaseSettled(node, isConfirmed: false), .send(.pause(.delete(node)))]
    }
    guard case .failure(.inDoubt) = result, self.deletes[node] != nil, self.retriesDeletes else {
      self.deletes[node] = nil
      return [.releaseSettled(node, isConfirmed: true)]
    }
    // Once more: at once if the connection is back already, else when it is.
    self.deletes[node] = connected == node.session
    return [.releaseSettled(node, isConfirmed: false)]
      + (connected == node.session ? [.send(.delete(node))] : [])
  }

  /// Deletes a node that the servers refused to delete a while ago: now, or when its session is connected again.
  mutating func deleteAgain(_ node: NodeQueueNode, connected: UInt64?) -> [NodeQueueAction] {
    guard self.deletes[node] != nil else { return [] }
    self.deletes[node] = connected == node.session
    return connected == node.session ? [.send(.delete(node))] : []
  }

  /// Waits for the answer to an abandoned create.
  mutating func expectCreate(_ attempt: NodeQueue.Attempt) {
    self.creates[attempt.number] = attempt
  }

  /// Deals with the answer to a create that is no longer waited for.
  mutating func lateCreate(
    _ create: Result<NodeQueueNode, NodeQueueFailure>,
    of number: UInt64,
    connected: UInt64?
  ) -> [NodeQueueAction] {
    guard let attempt = self.creates.removeValue(forKey: number) else { return [] }
    switch create {
    case .success(let node): return self.delete(node, connected: connected)
    case .failure(.inDoubt): return self.search(attempt, connected: connected)
    case .failure: return []
    }
  }

  /// Looks for what a create has left: now if the session is connected, else on reconnect.
  mutating func search(_ attempt: NodeQueue.Attempt, connected: UInt64?) -> [NodeQueueAction] {
    self.search(attempt.identifier, session: attempt.session, connected: connected)
  }

  mutating func search(_ identifier: String, session: UInt64, connected: UInt64?) -> [NodeQueueAction] {
    let isConnected = connected == session
    self.searches[identifier] = Search(session: session, isInFlight: isConnected)
    return isConnected ? [.send(.search(identifier: identifier, session: session))] : []
  }

  mutating func searched(
    _ identifier: String,
    session: UInt64,
    _ result: Result<NodeQueueView, NodeQueueFailure>,
    connected: UInt64?
  ) -> [NodeQueueAction] {
    guard self.searches[identifier] != nil else { return [] }
    if case .failure(.inDoubt) = result {
      self.searches[identifier]?.isInFlight = connected == session
      return connected == session ? [.send(.search(identifier: identifier, session: session))] : []
    }
    if case .failure(.throttled) = result, self.repeatsRefused {
      return [.send(.pause(.search(identifier: identifier, session: session)))]
    }
    self.searches[identifier] = nil
    guard case .success(let view) = result else { return [] }
    return view.matches.flatMap { name in
      self.delete(NodeQueueNode(name: name, czxid: 0, session: session), connected: connected)
    }
  }

  /// Looks again after the servers refused to a while ago: now, or when the session is connected again.
  mutating func searchAgain(_ identifier: String, connected: UInt64?) -> [NodeQueueAction] {
    guard let search = self.searches[identifier] else { return [] }
    self.searches[identifier]?.isInFlight = connected == search.session
    return connected == search.session ? [.send(.search(identifier: identifier, session: search.session))] : []
  }

  /// The connection is down: callers that wait for a delete return now. Deletes under way stay so until they are
  /// answered: the client may send them on its next connection.
  func suspended() -> [NodeQueueAction] {
    guard self.settlesOnSuspension else { return [] }
    return self.deletes.entries.filter(\.value).map { .releaseSettled($0.key, isConfirmed: false) }
  }

  /// Whether a node of that name is to be deleted.
  func holds(_ name: String) -> Bool { self.deletes.entries.contains { $0.key.name == name } }

  /// Whether nodes may exist, or come to exist, of which only the identifier is known.
  var hasDoubt: Bool { !self.creates.isEmpty || !self.searches.isEmpty }

  mutating func connected(_ session: UInt64) -> [NodeQueueAction] {
    var actions: [NodeQueueAction] = []
    for (node, isInFlight) in self.deletes.entries where node.session == session && !isInFlight {
      self.deletes[node] = true
      actions.append(.send(.delete(node)))
    }
    for (identifier, search) in self.searches.entries where search.session == session && !search.isInFlight {
      self.searches[identifier]?.isInFlight = true
      actions.append(.send(.search(identifier: identifier, session: session)))
    }
    return actions
  }

  mutating func ended(_ session: UInt64) -> [NodeQueueAction] {
    let settled = self.deletes.entries.map(\.key).filter { $0.session == session }
    self.deletes.removeAll { $0.key.session == session }
    for (number, attempt) in self.creates where attempt.session == session { self.creates[number] = nil }
    self.searches.removeAll { $0.value.session == session }
    return settled.map { .releaseSettled($0, isConfirmed: true) }
  }

  mutating func clear() -> [NodeQueueAction] {
    let settled = self.deletes.entries.map(\.key)
    (self.deletes, self.creates, self.searches) = (OrderedTable(), [:], OrderedTable())
    return settled.map { .releaseSettled($0, isConfirmed: true) }
  }
}

internal import Latchkey

/// What a machine has in ZooKeeper when it holds something: nodes of one session.
protocol NodeClaim: Hashable, Sendable {
  var session: UInt64 { get }

  /// A node of which only the name is known, and that it is to be deleted.
  init(remains name: String, session: UInt64)

  func has(nodeNamed name: String) -> Bool
}

/// A node that carries our mark and that no attempt knows.
struct Stranger: Sendable {
  let session: UInt64
  /// Whether the question who owns it is under way, or waits for the end of a pause.
  var isLookedAt = false
}

/// A machine that leaves nodes to be cleaned up.
protocol LitteringMachine: ContentionMachine where Claim: NodeClaim {
  var connectedSession: UInt64? { get }
  var litter: NodeLitter<Self> { get set }
  /// Nodes that carry the machine's mark and that no attempt knows.
  var strangers: OrderedTable<String, Stranger> { get set }
  /// Whether a create is under way, or was and has no answer.
  var hasDoubt: Bool { get }
  /// Rules of the machine, which tests break.
  var sweepsStrangers: Bool { get }
  var repeatsRefused: Bool { get }

  /// Whether a node is one that we hold or wait with, or that is being deleted.
  func knows(_ name: String) -> Bool

  /// Delete the nodes of a claim.
  static func delete(_ claim: Claim) -> Request
  /// Look, after a `sync`, for nodes that carry the identifier of an attempt.
  static func search(_ identifier: String, session: UInt64) -> Request
  /// Wait a while before the nodes of a claim are deleted after all.
  static func pause(beforeDeleting claim: Claim) -> Request
  /// Ask who owns a stranger.
  static func look(atStranger name: String, session: UInt64) -> Request
  /// Wait a while before it is looked again.
  static func pause(beforeSearching identifier: String, session: UInt64) -> Request
  static func pause(beforeLookingAtStranger name: String, session: UInt64) -> Request
}

/// What a machine has left behind and still has to clean up: nodes to delete, creates whose answer is outstanding or lost.
///
/// Everything is tried at least once more after each reconnect, until it is done or the session, and with it every node, is
/// over.
struct NodeLitter<Machine: LitteringMachine>: Sendable {
  typealias Claim = Machine.Claim
  typealias Action = ContentionAction<Machine>

  struct Search: Sendable {
    let session: UInt64
    var isInFlight: Bool
  }

  /// An attempt that was given up before its create was answered.
  struct Create: Sendable {
    let identifier: String
    let session: UInt64
  }

  /// Rules of the machine, which tests break.
  var retriesDeletes = true
  var repeatsRefused = true
  var settlesOnSuspension = true
  /// Nodes to delete, and whether the request is under way, or was refused a moment ago.
  private(set) var deletes = OrderedTable<Claim, Bool>()
  /// Abandoned attempts whose create has not been answered.
  private(set) var creates: [UInt64: Create] = [:]
  /// Identifiers of creates whose answer was lost.
  private(set) var searches = OrderedTable<String, Search>()

  var isEmpty: Bool { self.deletes.isEmpty && self.creates.isEmpty && self.searches.isEmpty }

  func contains(_ claim: Claim) -> Bool { self.deletes.contains(claim) }

  /// Deletes a node: now, if its session is connected, else in the background.
  mutating func delete(_ claim: Claim, connected: UInt64?) -> [Action] {
    let isConnected = connected == claim.session
    self.deletes[claim] = isConnected
    return [isConnected ? .send(Machine.delete(claim)) : .releaseSettled(claim, isConfirmed: false)]
  }

  mutating func deleted(
    _ claim: Claim,
    _ result: Result<Void, NodeQueueFailure>,
    connected: UInt64?
  ) -> [Action] {
    if case .failure(.throttled) = result, self.deletes[claim] != nil, self.repeatsRefused {
      return [.releaseSettled(claim, isConfirmed: false), .send(Machine.pause(beforeDeleting: claim))]
    }
    guard case .failure(.inDoubt) = result, self.deletes[claim] != nil, self.retriesDeletes else {
      self.deletes[claim] = nil
      return [.releaseSettled(claim, isConfirmed: true)]
    }
    // Once more: at once if the connection is back already, else when it is.
    self.deletes[claim] = connected == claim.session
    return [.releaseSettled(claim, isConfirmed: false)]
      + (connected == claim.session ? [.send(Machine.delete(claim))] : [])
  }

  /// Deletes a node that the servers refused to delete a while ago: now, or when its session is connected again.
  mutating func deleteAgain(_ claim: Claim, connected: UInt64?) -> [Action] {
    guard self.deletes[claim] != nil else { return [] }
    self.deletes[claim] = connected == claim.session
    return connected == claim.session ? [.send(Machine.delete(claim))] : []
  }

  /// Waits for the answer to an abandoned create.
  mutating func expectCreate(_ number: UInt64, _ identifier: String, session: UInt64) {
    self.creates[number] = Create(identifier: identifier, session: session)
  }

  /// Deals with the answer to a create that is no longer waited for.
  mutating func lateCreate(
    _ create: Result<Claim, NodeQueueFailure>,
    of number: UInt64,
    connected: UInt64?
  ) -> [Action] {
    guard let attempt = self.creates.removeValue(forKey: number) else { return [] }
    switch create {
    case .success(let claim): return self.delete(claim, connected: connected)
    case .failure(.inDoubt): return self.search(attempt.identifier, session: attempt.session, connected: connected)
    case .failure: return []
    }
  }

  /// Looks for what a create has left: now if the session is connected, else on reconnect.
  mutating func search(_ identifier: String, session: UInt64, connected: UInt64?) -> [Action] {
    let isConnected = connected == session
    self.searches[identifier] = Search(session: session, isInFlight: isConnected)
    return isConnected ? [.send(Machine.search(identifier, session: session))] : []
  }

  mutating func searched(
    _ identifier: String,
    session: UInt64,
    _ result: Result<[String], NodeQueueFailure>,
    connected: UInt64?
  ) -> [Action] {
    guard self.searches[identifier] != nil else { return [] }
    if case .failure(.inDoubt) = result {
      self.searches[identifier]?.isInFlight = connected == session
      return connected == session ? [.send(Machine.search(identifier, session: session))] : []
    }
    if case .failure(.throttled) = result, self.repeatsRefused {
      return [.send(Machine.pause(beforeSearching: identifier, session: session))]
    }
    self.searches[identifier] = nil
    guard case .success(let matches) = result else { return [] }
    return matches.flatMap { self.delete(Claim(remains: $0, session: session), connected: connected) }
  }

  /// Looks again after the servers refused to a while ago: now, or when the session is connected again.
  mutating func searchAgain(_ identifier: String, connected: UInt64?) -> [Action] {
    guard let search = self.searches[identifier] else { return [] }
    self.searches[identifier]?.isInFlight = connected == search.session
    return connected == search.session ? [.send(Machine.search(identifier, session: search.session))] : []
  }

  /// The connection is down: callers that wait for a delete return now. Deletes under way stay so until they are
  /// answered: the client may send them on its next connection.
  func suspended() -> [Action] {
    guard self.settlesOnSuspension else { return [] }
    return self.deletes.entries.filter(\.value).map { .releaseSettled($0.key, isConfirmed: false) }
  }

  /// Whether a node of that name is to be deleted.
  func holds(_ name: String) -> Bool { self.deletes.entries.contains { $0.key.has(nodeNamed: name) } }

  /// Whether nodes may exist, or come to exist, of which only the identifier is known.
  var hasDoubt: Bool { !self.creates.isEmpty || !self.searches.isEmpty }

  mutating func connected(_ session: UInt64) -> [Action] {
    var actions: [Action] = []
    for (claim, isInFlight) in self.deletes.entries where claim.session == session && !isInFlight {
      self.deletes[claim] = true
      actions.append(.send(Machine.delete(claim)))
    }
    for (identifier, search) in self.searches.entries where search.session == session && !search.isInFlight {
      self.searches[identifier]?.isInFlight = true
      actions.append(.send(Machine.search(identifier, session: session)))
    }
    return actions
  }

  mutating func ended(_ session: UInt64) -> [Action] {
    let settled = self.deletes.entries.map(\.key).filter { $0.session == session }
    self.deletes.removeAll { $0.key.session == session }
    for (number, attempt) in self.creates where attempt.session == session { self.creates[number] = nil }
    self.searches.removeAll { $0.value.session == session }
    return settled.map { .releaseSettled($0, isConfirmed: true) }
  }

  mutating func clear() -> [Action] {
    let settled = self.deletes.entries.map(\.key)
    (self.deletes, self.creates, self.searches) = (OrderedTable(), [:], OrderedTable())
    return settled.map { .releaseSettled($0, isConfirmed: true) }
  }
}

package import Latchkey

/// How one client stands in the queue of one ZooKeeper lock.
///
/// Pure: events in, actions out, no I/O, no clock. At most one node of the client waits in the queue at a time, for what the head of
/// its local line wants; a caller that gives up leaves the node to the next one that wants the same. Nodes that hold the lock are
/// ``Hold``s: one if it holds it alone, any number if it shares it, and beside those the one that waits. What has been abandoned (a
/// node to delete, a create whose fate is unknown) is kept apart in ``NodeLitter`` and seen to in the background.
///
/// The algorithm is the ZooKeeper lock recipe (Hunt et al., *ZooKeeper: Wait-free coordination for Internet-scale systems*,
/// 2010, section 2.4, "simple locks without herd effect"), with create and list in one flight: requests of one session are
/// served in order, so the list shows our own node, and an uncontended acquire takes one round trip.
package struct NodeQueue: ContentionMachine {
  /// One attempt to get a node into the queue and to the front of it.
  struct Attempt: Sendable {
    let number: UInt64
    let identifier: String
    let rule: GrantRule
    let session: UInt64
    var directoriesMade = 0
  }

  /// A watch on our own node. It outlives one blocker after another.
  struct OwnWatch: Sendable {
    /// Tells the answer to this watch from answers to earlier ones.
    let number: UInt64
    let node: NodeQueueNode
    /// Whether the server has said that it is set.
    var isAnswered = false
  }

  /// What an attempt does when a pause is over.
  enum Refused: Sendable {
    case enter
    case makeDirectory
    case recover
    case list(NodeQueueNode)
  }

  enum Phase: Sendable {
    case idle
    /// Wanted, but no session is connected.
    case needSession
    /// Create and list are in flight.
    case entering(Attempt)
    case makingDirectory(Attempt)
    /// The create may have happened; nothing can be asked until the session is connected again or over.
    case inDoubt(Attempt)
    /// `sync` and list are in flight, to find what the create has left.
    case recovering(Attempt)
    case inspecting(Attempt, name: String)
    case listing(Attempt, NodeQueueNode)
    case ordering(Attempt, NodeQueueNode)
    case watching(Attempt, NodeQueueNode, NodeQueuePlace)
    /// The servers refused a request because of their load; it is made again after a pause.
    case throttled(Attempt, Refused)
    /// First in the queue, but the session is not proven to live.
    case ripe(Attempt, NodeQueueNode)
  }

  /// How often the directory is made anew for one attempt: the server may reap it between two requests.
  static let maximumDirectories = 8

  /// What becomes of the node that waits, or is to wait.
  var phase = Phase.idle
  /// The nodes that hold the lock, in the order of their grants.
  var holds: [Hold] = []
  var litter = NodeLitter<NodeQueue>()
  var strangers = OrderedTable<String, Stranger>()
  /// The watch on the node that waits.
  var ownWatch: OwnWatch?
  var nextWatch: UInt64 = 1
  package var demand = Demand()
  var connectedSession: UInt64?
  var nextAttempt: UInt64 = 1
  /// The failure of an attempt whose directory is deleted as fast as it is made.
  let directoryVanishes: LockFailure
  /// The failure of an attempt whose directory is another kind of lock's as well.
  let directoryIsMixed: LockFailure
  let makeIdentifier: @Sendable (_ attempt: UInt64) -> String
  /// The grant rule for what callers want.
  package let rule: @Sendable (Want) -> GrantRule
  let rules: Rules

  package init(
    rule: @escaping @Sendable (Want) -> GrantRule,
    session: UInt64?,
    rules: Rules = Rules(),
    directoryVanishes: LockFailure,
    directoryIsMixed: LockFailure,
    makeIdentifier: @escaping @Sendable (_ attempt: UInt64) -> String
  ) {
    self.rule = rule
    self.connectedSession = session
    self.rules = rules
    self.directoryVanishes = directoryVanishes
    self.directoryIsMixed = directoryIsMixed
    self.makeIdentifier = makeIdentifier
    self.litter.retriesDeletes = rules.retriesDeletes
    self.litter.repeatsRefused = rules.repeatsRefused
    self.litter.settlesOnSuspension = rules.settlesOnSuspension
  }

  /// Whether nothing is wanted, held or left to clean up.
  package var isIdle: Bool {
    if case .idle = self.phase {
      return self.holds.isEmpty && self.litter.isEmpty && self.strangers.isEmpty && !self.demand.isAny
    }
    return false
  }

  /// Beside those who share the lock, a caller that would share it too asks anew.
  package var isFree: Bool {
    if case .idle = self.phase { self.exclusiveHold == nil } else { false }
  }

  /// Whether the session must be kept proven: a node of ours is, or may be, in the queue.
  package var needsProof: Bool {
    switch self.phase {
    case .idle, .needSession: !self.holds.isEmpty
    default: true
    }
  }

  /// Where our node stands, as far as it is known.
  package var standing: NodeQueuePlace? {
    if case .watching(_, _, let place) = self.phase { place } else { nil }
  }

  /// Whether the attempt waits for a blocker of that name.
  package func watchesBlocker(_ number: UInt64, _ name: String) -> Bool {
    if case .watching(let attempt, _, let place) = self.phase {
      attempt.number == number && place.blocker == name
    } else {
      false
    }
  }

  /// Whether the server has answered since our contender came to be: it has a node in the queue, or was told why not yet.
  package var isAnswered: Bool {
    switch self.phase {
    case .idle: self.exclusiveHold != nil
    case .needSession, .entering, .inDoubt, .recovering, .inspecting: false
    case .makingDirectory, .listing, .ordering, .watching, .throttled, .ripe: true
    }
  }

  /// Whether a try is answered "busy" without a request: another caller of this process holds the lock in its way, or waits with
  /// an answer. Behind tries alone nothing is known of the present.
  package func isTaken(for want: Want) -> Bool {
    self.hold(inTheWayOf: want) != nil || self.isAnswered && self.demand.waits
  }

  /// Whether our node is first, and only the proof is missing that the session lives.
  package var awaitsProof: Bool {
    if case .ripe = self.phase { true } else { false }
  }

  /// Whether the node is the one that we hold or wait with.
  package func owns(_ node: NodeQueueNode) -> Bool {
    if let hold = self.hold(of: node) { return hold.conversion == nil }
    switch self.phase {
    case .watching(_, node, _), .listing(_, node), .ordering(_, node), .ripe(_, node),
      .throttled(_, .list(node)):
      return true
    default: return false
    }
  }

  // MARK: Events

  /// - Parameter termIsLive: Whether the session's deadline lies ahead at this moment: nothing is granted without.
  package mutating func handle(_ event: NodeQueueEvent, _ termIsLive: Bool) -> [NodeQueueAction] {
    let actions = self.react(to: event, termIsLive: termIsLive)
    return actions + self.lookAtStrangers()
  }

  package mutating func demandChanged(_ termIsLive: Bool) -> [NodeQueueAction] {
    let actions = self.demandChanged()
    return actions + self.lookAtStrangers()
  }

  package mutating func released(_ node: NodeQueueNode, _ termIsLive: Bool) -> [NodeQueueAction] {
    let actions = self.giveBack(node)
    return actions + self.lookAtStrangers()
  }

  package static func isQuestion(_ request: NodeQueueRequest) -> Bool {
    switch request {
    case .enter, .list: true
    default: false
    }
  }

  private mutating func react(to event: NodeQueueEvent, termIsLive: Bool) -> [NodeQueueAction] {
    switch event {
    case .connected(let session): return self.connected(session)
    case .suspended:
      self.connectedSession = nil
      return self.litter.suspended()
    case .ended(let session): return self.ended(session)
    case .closed(let failure): return self.closed(failure)
    case .entered(let number, let create, let view):
      return self.entered(number, create, view, termIsLive: termIsLive)
    case .directoryMade(let number, let result): return self.directoryMade(number, result)
    case .listed(let number, let result): return self.listed(number, result, termIsLive: termIsLive)
    case .inspected(let number, let result): return self.inspected(number, result)
    case .ordered(let number, let result): return self.ordered(number, result, termIsLive: termIsLive)
    case .blockerWatched(let number, let name, let result):
      return self.blockerWatched(number, name, result, termIsLive: termIsLive)
    case .blockerGone(let number, let name): return self.blockerGone(number, name, termIsLive: termIsLive)
    case .ownGone(let node): return self.ownGone(node)
    case .ownWatched(let node, let watch, let result): return self.ownWatched(node, watch, result)
    case .formed(let node, let result): return self.formed(node, result)
    case .strangerSeen(let name, let session, let result): return self.strangerSeen(name, session, result)
    case .termLive(let session): return self.termLive(session, termIsLive: termIsLive)
    case .unprovable(let session, let failure): return self.unprovable(session, failure)
    case .deleted(let node, let result): return self.litter.deleted(node, result, connected: self.connectedSession)
    case .searched(let identifier, let session, let result):
      self.noteStrangers(in: result)
      return self.litter.searched(
        identifier,
        session: session,
        result.map(\.matches),
        connected: self.connectedSession
      )
    case .pauseOver(let pause): return self.pauseOver(pause)
    }
  }

  private mutating func demandChanged() -> [NodeQueueAction] {
    guard self.demand.isAny else { return self.abandon() }
    // A node stands in the queue for what the head of the line wants, and for nobody else.
    if self.rules.followsWant, let attempt = self.attempt, attempt.rule != self.rule(self.demand.want) {
      return self.abandon() + self.startIfWanted()
    }
    switch self.phase {
    case .idle: return self.start()
    // A node that already waits for others cannot serve a caller that would not wait.
    case .watching(_, let node, let place): return self.dismissTries(place, node)
    default: return []
    }
  }

  private mutating func connected(_ session: UInt64) -> [NodeQueueAction] {
    self.connectedSession = session
    if self.rules.ownWatchEndsWithConnection { self.ownWatch = nil }
    var actions = self.litter.connected(session) + self.holdsConnected(session)
    switch self.phase {
    case .needSession:
      actions += self.startIfWanted()
    case .inDoubt(let attempt) where attempt.session == session:
      actions += self.recover(attempt)
    default:
      actions += self.watchAgain(session)
    }
    return actions
  }

  private mutating func ended(_ session: UInt64) -> [NodeQueueAction] {
    if self.connectedSession == session { self.connectedSession = nil }
    self.strangers.removeAll { $0.value.session == session }
    var actions = self.litter.ended(session) + self.loseHolds { $0.session == session }
    switch self.phase {
    case .needSession: break
    case .idle: actions += self.startIfWanted()
    default:
      guard self.attempt?.session == session else { break }
      self.phase = .idle
      actions += [self.forgetWatches()] + self.startIfWanted()
    }
    return actions
  }

  private mutating func closed(_ failure: LockFailure) -> [NodeQueueAction] {
    self.connectedSession = nil
    self.strangers = OrderedTable()
    let actions = self.litter.clear() + self.loseHolds { _ in true }
    self.phase = .idle
    return actions + [self.forgetWatches()] + self.failAll(failure)
  }
}

package import Latchkey

/// How one client contends for the permits of one semaphore in ZooKeeper.
///
/// Pure: events in, actions out, no I/O, no clock. The layout is that of Curator's `InterProcessSemaphoreV2`: a node for each permit
/// below `leases`, and a lock below `locks` in which those who wait stand in line. That lock is an ordinary one, with a machine of
/// its own; this machine holds a ticket for it, and is told when it heads the line.
///
/// Nodes are judged by their *rank*: a claim is granted when fewer permits than the limit leaves come before its last node. Nodes that
/// come later have greater numbers, so a rank only falls, and a limit that is read behind the list may be compared with it. Without
/// contention that takes one flight: create, list both directories, read the limit. Who does not fit, or finds somebody in line,
/// takes its nodes back and gets into line: nodes that waited among the permits would be waited for by Curator, which counts them.
/// Only the head of the line waits with its nodes in place, and looks again whenever permits or the limit change.
///
/// A create without an answer is not adopted but looked for and deleted in the background, as what callers gave up is; the attempt
/// begins anew, at the same place in line. Until it is deleted such a node counts for others as a permit that is taken.
package struct SemaphoreMachine: ContentionMachine {
  /// One attempt to get the nodes of one claim.
  struct Attempt: Sendable {
    let number: UInt64
    let identifier: String
    let permits: Int
    let session: UInt64
    let isHead: Bool
    /// The nodes by which permits were held here when it began.
    let held: [String]
    /// Whether permits have come or gone since they were listed.
    var hasChanged = false
  }

  /// What the head of the line knows while it waits.
  struct Look: Sendable {
    /// How many permits come before ours.
    var before: Int
    /// nil if it has changed since, or was never read.
    var limit: Int?
    var isListing = false
    var isReading = false
    /// Whether permits have changed while they were listed.
    var isStale = false
    /// Whether the limit has changed while it was read.
    var isLimitStale = false
  }

  /// Permits that are held.
  struct Hold: Sendable {
    let claim: PermitClaim
    /// Tells the answer to the present watches from answers to earlier ones.
    var watch: UInt64
  }

  enum Phase: Sendable {
    case idle
    /// Wanted, but no session is connected.
    case needSession
    /// Creates, lists and the limit are in flight.
    case entering(Attempt)
    case makingPlace(Attempt)
    /// In line, without nodes among the permits.
    case queueing
    /// At the head of the line, with nodes among the permits.
    case waiting(Attempt, PermitClaim, Look)
    /// The nodes fit, but the session is not proven to live.
    case ripe(Attempt, PermitClaim)
    /// More is wanted than the limit: out of line until it is raised.
    case aside(Attempt, isReading: Bool, isStale: Bool)
    /// The servers refused a request because of their load; it is made again after a pause.
    case throttled(Attempt)
  }

  /// How often directories and limit are made anew in a row: the server may reap a directory between two requests.
  static let maximumPlaces = 8

  /// What becomes of what the head of the local line wants.
  var phase = Phase.idle
  /// Our place in the queue, and whether it is the first.
  var ticket: UInt64?
  var isHead = false
  /// How many stand before us in the queue.
  var queueAhead = 0
  /// The permits before ours, when they were listed last.
  var lastSeen: (before: Int, first: String?) = (0, nil)
  /// Whether the last attempt found others in the way: the next one gets into line at once.
  var isContended = false
  /// Whether the present place in the queue has kept us waiting.
  var hasWaited = false
  /// Whether the servers have answered since a caller came to be served.
  var hasAnswer = false
  var placesMade = 0
  /// In the order of their grants.
  var holds: [Hold] = []
  var litter = NodeLitter<SemaphoreMachine>()
  var strangers = OrderedTable<String, Stranger>()
  /// Identifiers of creates without an answer of which a search has found nothing: they may still be carried out.
  var suspects: Set<String> = []
  /// The number of the look at what they may have left, while we wait without listing the permits for ourselves.
  var lookout: UInt64?
  package var demand = Demand()
  package internal(set) var connectedSession: UInt64?
  var nextAttempt: UInt64 = 1
  var nextTicket: UInt64 = 1
  var nextWatch: UInt64 = 1
  /// nil if the limit is shared.
  let fixedLimit: Int?
  /// How the names of all our nodes begin.
  let mark: String
  /// The failure of an attempt whose directories are deleted as fast as they are made.
  let placeVanishes: LockFailure
  let makeIdentifier: @Sendable (_ attempt: UInt64) -> String
  let rules: Rules

  /// - Parameters:
  ///   - limit: How many permits there are; nil if that is read from the servers.
  ///   - mark: How the names of all our nodes begin.
  package init(
    limit: Int?,
    session: UInt64?,
    mark: String,
    rules: Rules = Rules(),
    placeVanishes: LockFailure,
    makeIdentifier: @escaping @Sendable (_ attempt: UInt64) -> String
  ) {
    self.fixedLimit = limit
    self.connectedSession = session
    self.mark = mark
    self.rules = rules
    self.placeVanishes = placeVanishes
    self.makeIdentifier = makeIdentifier
    self.litter.retriesDeletes = rules.retriesDeletes
    self.litter.repeatsRefused = rules.repeatsRefused
  }

  /// Whether nothing is wanted, held or left to clean up.
  package var isIdle: Bool {
    guard case .idle = self.phase else { return false }
    return self.holds.isEmpty && self.litter.isEmpty && self.strangers.isEmpty && !self.demand.isAny
  }

  package var isFree: Bool { if case .idle = self.phase { true } else { false } }

  /// Whether the session must be kept proven: a node of ours is, or may be, among the permits.
  package var needsProof: Bool {
    switch self.phase {
    case .idle, .needSession, .queueing, .aside: !self.holds.isEmpty
    case .entering, .makingPlace, .waiting, .ripe, .throttled: true
    }
  }

  package var isAnswered: Bool {
    switch self.phase {
    case .idle, .needSession: false
    default: self.hasAnswer
    }
  }

  /// Whether a try is answered "busy" without a request: another caller of this process waits.
  package var isTaken: Bool { self.isAnswered && self.demand.waits }

  package var standing: SemaphorePlace? { self.isAnswered ? self.place : nil }

  /// Whether our nodes fit, and only the proof is missing that the session lives.
  package var awaitsProof: Bool { if case .ripe = self.phase { true } else { false } }

  /// Whether the attempt of that number wants to know of changes.
  package func watches(_ number: UInt64) -> Bool {
    if self.lookout == number { return true }
    switch self.phase {
    case .entering(let attempt), .waiting(let attempt, _, _), .aside(let attempt, _, _): return attempt.number == number
    default: return false
    }
  }

  package func holds(_ claim: PermitClaim) -> Bool { self.holds.contains { $0.claim == claim } }

  // MARK: Events

  package static func isQuestion(_ request: SemaphoreRequest) -> Bool {
    if case .enter = request { true } else { false }
  }

  /// - Parameter termIsLive: Whether the session's deadline lies ahead at this moment: nothing is granted without.
  package mutating func handle(_ event: SemaphoreEvent, _ termIsLive: Bool) -> [SemaphoreAction] {
    let actions = self.react(to: event, termIsLive: termIsLive)
    return actions + self.lookAtStrangers()
  }

  package mutating func demandChanged(_ termIsLive: Bool) -> [SemaphoreAction] {
    let actions = self.demandChanged()
    return actions + self.lookAtStrangers()
  }

  package mutating func released(_ claim: PermitClaim, _ termIsLive: Bool) -> [SemaphoreAction] {
    let actions = self.giveBack(claim)
    return actions + self.lookAtStrangers()
  }

  private mutating func react(to event: SemaphoreEvent, termIsLive: Bool) -> [SemaphoreAction] {
    switch event {
    case .connected(let session): return self.connected(session)
    case .suspended:
      self.connectedSession = nil
      return self.litter.suspended()
    case .ended(let session): return self.ended(session)
    case .closed(let failure): return self.closed(failure)
    case .entered(let number, let create, let view):
      defer { if case .success(let view) = view { self.noteStrangers(in: view.leases) } }
      return self.entered(number, create, view, termIsLive: termIsLive)
    case .placeMade(let number, let result): return self.placeMade(number, result)
    case .listed(let number, let result):
      defer { if case .success(let leases) = result { self.noteStrangers(in: leases) } }
      return self.listed(number, result, termIsLive: termIsLive)
    case .limitRead(let number, let result): return self.limitRead(number, result, termIsLive: termIsLive)
    case .leasesChanged(let number): return self.leasesChanged(number)
    case .limitChanged(let number): return self.limitChanged(number)
    case .queued(let ticket, let ahead): return self.queued(ticket, ahead: ahead)
    case .headed(let ticket): return self.headed(ticket)
    case .unheaded(let ticket): return self.unheaded(ticket)
    case .queueFailed(let ticket, let failure): return self.queueFailed(ticket, failure)
    case .ownGone(let claim): return self.ownGone(claim)
    case .ownWatched(let claim, let watch, let result): return self.ownWatched(claim, watch, result)
    case .strangerSeen(let name, let session, let result):
      let actions = self.strangerSeen(name, session, result)
      return actions + self.accountFor(name)
    case .termLive(let session): return self.termLive(session, termIsLive: termIsLive)
    case .unprovable(let session, let failure): return self.unprovable(session, failure)
    case .deleted(let claim, let result):
      return self.litter.deleted(claim, result, connected: self.connectedSession)
    case .searched(let identifier, let session, let result):
      let actions = self.litter.searched(identifier, session: session, result, connected: self.connectedSession)
      if case .success([]) = result, session == self.connectedSession { self.suspects.insert(identifier) }
      return actions + self.keepLookout()
    case .pauseOver(let pause): return self.pauseOver(pause)
    }
  }
}

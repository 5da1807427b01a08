internal import Latchkey
internal import LatchkeyPrimitives
internal import Logging
internal import ZooKeeper

/// One grant of a ZooKeeper lock: our node, and the term that proves the session behind it.
typealias ZooKeeperLease = TermLease<Contention<NodeQueueBackend>>

/// How a lock is contended for in ZooKeeper: the requests of one ``NodeQueue``, and the watches that it has set.
final class NodeQueueBackend: ZooKeeperBackend {
  typealias Machine = NodeQueue
  /// What is common to the queues of one recipe.
  struct Shared: Sendable {
    let recipe: QueueRecipe
    var session: ZKSession?
  }

  struct Local: ZooKeeperLocal {
    var session: ZKSession?
    /// Whether an answer has shown a contender ahead of ours.
    var sawContenderAhead = false
    /// How often in a row the servers have refused a request because of their load.
    var refusals = 0
    var blockerWatch: WatchRegistration?
    /// The watches on our own nodes.
    var ownWatches = OrderedTable<NodeQueueNode, WatchRegistration>()
    /// Those that go out with the next heartbeat.
    var heartbeatHooks = OrderedTable<NodeQueueNode, WatchRegistration>()
    var holder: (node: String, description: String)?
    /// The session whose heartbeats are asked to be quorum writes.
    var provenSession: ZKSession?

    init(session: ZKSession?) { self.session = session }

    /// Forgets the watch on a node of ours.
    mutating func forgetOwnWatch(_ node: NodeQueueNode) -> [Job] {
      let watch = self.ownWatches[node].map { Job.removeWatch($0) }
      let hook = self.heartbeatHooks[node].map { Job.cancelHook($0) }
      (self.ownWatches[node], self.heartbeatHooks[node]) = (nil, nil)
      return [watch, hook].compactMap { $0 }
    }
  }

  enum Job: Sendable {
    case send(NodeQueueRequest, ZKSession?)
    case removeWatch(WatchRegistration)
    case cancelHook(WatchRegistration)
    case prove(ZKSession)
    case stopProving(ZKSession)
    case tellBehind(Int)
  }

  let site: ContenderSite
  let directory: String
  /// How the names of all our nodes begin.
  let markPrefix: String
  let recipe: QueueRecipe
  let lossOfClaim = "its node is gone: deleted by hand, or with its session"

  init(name: LockName, locks: ZooKeeperLocks, _ recipe: QueueRecipe) {
    self.site = ContenderSite(name: name, locks: locks)
    let directory = LockPath.directory(of: name, under: locks.configuration.root)
    self.directory = recipe.subdirectory.map { "\(directory)/\($0)" } ?? directory
    self.recipe = recipe
    self.markPrefix = ContenderIdentity.prefix(mark: recipe.mark)
  }

  /// Where leases tell what becomes of them: a place in the queue of something else is nothing that anybody holds.
  var logger: Logger {
    self.recipe.subdirectory == nil
      ? self.client.configuration.logger : Logger(label: "") { _ in SwiftLogNoOpLogHandler() }
  }

  /// A caller that queues for something else has its first answer, or waits for that elsewhere.
  var firstAnswerTimeout: Duration? { self.recipe.subdirectory == nil ? self.site.answerTimeout : nil }

  static func contention(
    for name: LockName,
    of locks: ZooKeeperLocks,
    _ shared: Shared
  ) -> Contention<NodeQueueBackend> {
    let recipe = shared.recipe
    let shell = NodeQueueBackend(name: name, locks: locks, recipe)
    let machine = NodeQueue(
      rule: recipe.rule,
      session: shared.session?.generation,
      directoryVanishes: shell.directoryVanishes,
      directoryIsMixed: LockFailure(shell.directoryIsMixed),
      makeIdentifier: { [mark = recipe.mark] _ in ContenderIdentity.newIdentifier(mark: mark) }
    )
    return Contention(shell, machine: machine, local: Local(session: shared.session))
  }

  /// The error about a directory in which contenders for a lock of another kind stand.
  var directoryIsMixed: LockError { self.recipe.mixed(self.name, self.directory) }

  private var directoryVanishes: LockFailure {
    LockFailure(
      LockError(
        .backendFailure,
        name: self.name,
        message: "the lock's directory \(self.directory) is deleted as fast as it is made; find out who deletes it"
      )
    )
  }

  func path(_ node: String) -> String { "\(self.directory)/\(node)" }

  func paths(of node: NodeQueueNode) -> [String] { [self.path(node.name)] }

  // MARK: Sessions

  static func connected(_ session: UInt64) -> NodeQueueEvent { .connected(session: session) }
  static var suspended: NodeQueueEvent { .suspended }
  static func ended(_ session: UInt64) -> NodeQueueEvent { .ended(session: session) }
  static func closed(_ failure: LockFailure) -> NodeQueueEvent { .closed(failure) }
  static func ownGone(_ node: NodeQueueNode) -> NodeQueueEvent { .ownGone(node) }
  static func termLive(_ session: UInt64) -> NodeQueueEvent { .termLive(session: session) }
  static func unprovable(_ session: UInt64, _ failure: LockFailure) -> NodeQueueEvent {
    .unprovable(session: session, failure)
  }

  // MARK: Under the lock

  func terms(of node: NodeQueueNode, _ local: inout Local) -> ClaimTerms<ClaimLease> {
    guard let session = local.session else { preconditionFailure("a grant without a session") }
    // The czxid grows with every grant, over deletion of the directory and change of leader.
    let token = FencingToken(major: UInt64(bitPattern: node.czxid), minor: node.minor)
    return ClaimTerms(token: token, term: session.term)
  }

  func jobs(
    for requests: [NodeQueueRequest],
    _ machine: NodeQueue,
    _ local: inout Local,
    hasDeadline: Bool
  ) -> [Job] {
    var jobs: [Job] = []
    let wanted = machine.needsProof ? local.session : nil
    let proven = local.provenSession
    // Before the requests: proof is needed from the moment in which our node can exist.
    if let wanted, wanted !== proven { jobs.append(.prove(wanted)) }
    for request in requests {
      switch request {
      case .forgetWatches:
        if let watch = local.blockerWatch { jobs.append(.removeWatch(watch)) }
        local.blockerWatch = nil
        for node in (local.ownWatches.entries + local.heartbeatHooks.entries).map(\.key)
        where machine.hold(of: node) == nil {
          jobs += local.forgetOwnWatch(node)
        }
      case .forgetOwnWatch(let node): jobs += local.forgetOwnWatch(node)
      case .behind(let place):
        local.sawContenderAhead = true
        if self.recipe.whenBehind != nil { jobs.append(.tellBehind(place.ahead)) }
        if hasDeadline, place.first != nil, place.first != local.holder?.node {
          jobs.append(.send(request, local.session))
        }
      default: jobs.append(.send(request, local.session))
      }
    }
    if let proven, wanted !== proven { jobs.append(.stopProving(proven)) }
    local.provenSession = wanted
    switch machine.phase {
    case .idle:
      if !machine.holds.isEmpty { local.holder = nil }
      local.refusals = 0
      local.sawContenderAhead = false
    case .ripe: local.sawContenderAhead = false
    default: break
    }
    return jobs
  }

  func wait(at place: NodeQueuePlace?, _ local: Local) -> LockError.Wait {
    local.wait(behind: place?.first, ahead: place?.ahead)
  }

  func silence(
    _ machine: NodeQueue,
    _ local: Local,
    waited: Duration,
    mustExplain: Bool
  ) -> ZooKeeperSilence? {
    guard mustExplain || !local.sawContenderAhead else { return nil }
    return machine.awaitsProof ? .proof : .servers
  }

  // MARK: Outside the lock

  /// A question first, and a node only if the answer is that nobody holds the lock.
  func askFirst(
    _ contention: Contention<NodeQueueBackend>,
    for want: Want,
    until deadline: ContinuousClock.Instant?
  ) async throws(LockError) -> LockError.Wait? {
    let (isFree, isTaken, rule) = contention.withLocal { machine, _ in
      (machine.isFree, machine.isTaken(for: want), machine.rule(want))
    }
    if isTaken { return contention.knownWait }
    // Once what is on its way is answered, the queue asks again for this try.
    guard isFree else { return nil }
    let patience = deadline.map { ContinuousClock.now.duration(to: $0) }
    let session = try await self.connectedSession(within: patience)
    let (count, first, isMixed) = try await QueueQuestion.blockers(
      of: self.name,
      by: rule,
      in: self.directory,
      besides: self.markPrefix,
      session: session,
      until: deadline ?? .now
    )
    guard !isMixed else { throw self.directoryIsMixed }
    return count == 0 ? nil : LockError.Wait(holder: first, place: count)
  }

  func perform(_ jobs: [Job], for contention: Contention<NodeQueueBackend>) {
    for job in jobs {
      switch job {
      case .send(let request, let session): contention.send(request, session)
      case .removeWatch(let watch): watch.session.removeWatch(watch.id)
      case .cancelHook(let hook): hook.session.cancelHeartbeatHook(hook.id)
      case .prove(let session): session.retainInterest()
      case .stopProving(let session): session.releaseInterest()
      case .tellBehind(let ahead): self.recipe.whenBehind?(self.name, ahead)
      }
    }
  }
}

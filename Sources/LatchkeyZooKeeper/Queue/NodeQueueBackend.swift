internal import Latchkey
internal import LatchkeyPrimitives
internal import Logging
internal import ZooKeeper

/// One grant of a ZooKeeper lock: our node, and the term that proves the session behind it.
typealias ZooKeeperLease = TermLease<Contention<NodeQueueBackend>>

/// How a lock is contended for in ZooKeeper: the requests of one ``NodeQueue``, and the watches that it has set.
final class NodeQueueBackend: ContentionBackend {
  typealias Machine = NodeQueue
  /// What is common to the queues of one recipe.
  struct Shared: Sendable {
    let recipe: QueueRecipe
    var session: ZKSession?
  }

  typealias Timer = Task<Void, Never>

  /// A watch or hook, and the session it was registered with.
  struct Registration: Sendable {
    let id: UInt64
    let session: ZKSession
  }

  struct Local: Sendable {
    var session: ZKSession?
    /// Whether an answer has shown a contender ahead of ours.
    var sawContenderAhead = false
    /// How often in a row the servers have refused a request because of their load.
    var refusals = 0
    var blockerWatch: Registration?
    /// The watches on our own nodes.
    var ownWatches = OrderedTable<NodeQueueNode, Registration>()
    /// Those that go out with the next heartbeat.
    var heartbeatHooks = OrderedTable<NodeQueueNode, Registration>()
    var holder: (node: String, description: String)?
    /// The session whose heartbeats are asked to be quorum writes.
    var provenSession: ZKSession?
    /// Questions whether a node still stands.
    var questions: [UInt64: NodeQuestion] = [:]
    var nextQuestion: UInt64 = 1

    init(session: ZKSession?) { self.session = session }

    /// Forgets the watch on a node of ours.
    mutating func forgetOwnWatch(_ node: NodeQueueNode) -> [Job] {
      let watch = self.ownWatches[node].map { Job.removeWatch($0) }
      let hook = self.heartbeatHooks[node].map { Job.cancelHook($0) }
      (self.ownWatches[node], self.heartbeatHooks[node]) = (nil, nil)
      return [watch, hook].compactMap { $0 }
    }
  }

  /// The question whether a node still stands.
  typealias NodeQuestion = OneShot<Result<Stat?, ZooKeeperError>>

  enum Job: Sendable {
    case send(NodeQueueRequest, ZKSession?)
    case removeWatch(Registration)
    case cancelHook(Registration)
    case prove(ZKSession)
    case stopProving(ZKSession)
  }

  /// What there was instead of an answer.
  enum Silence: Sendable {
    case servers
    /// Our node is first, but the session was not proven to live.
    case proof
  }

  let name: LockName
  let backend: LockBackend
  let directory: String
  let client: ZooKeeperClient
  let acl: [ACL]
  let data: [UInt8]
  let ownDescription: String
  let tryTimeout: Duration?
  /// How the names of all our nodes begin.
  let markPrefix: String
  let recipe: QueueRecipe
  /// Why no locks can be here; nil if they can.
  private let placeProblem: String?
  let lossOfClaim = "its node is gone: deleted by hand, or with its session"

  init(name: LockName, locks: ZooKeeperLocks, _ recipe: QueueRecipe) {
    self.name = name
    self.backend = locks.backend
    self.directory = LockPath.directory(of: name, under: locks.configuration.root)
    self.client = locks.client
    self.acl = locks.acl
    self.data = locks.data
    self.ownDescription = locks.ownDescription
    self.tryTimeout = locks.configuration.answerTimeout
    self.recipe = recipe
    self.markPrefix = ContenderIdentity.prefix(mark: recipe.mark)
    self.placeProblem = locks.placeProblem
  }

  var logger: Logger { self.client.configuration.logger }
  var firstAnswerTimeout: Duration? { self.tryTimeout }

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

  // MARK: Under the lock

  func context(_ local: Local) -> Bool {
    // Don't fire expiry handlers here: user code must not run under this lock.
    local.session?.term.isLive ?? false
  }

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
    let holder = local.holder.flatMap { holder in holder.node == place?.first ? holder.description : nil }
    return LockError.Wait(holder: holder ?? place?.first, place: place?.ahead)
  }

  func silence(_ machine: NodeQueue, _ local: Local, waited: Duration, mustExplain: Bool) -> Silence? {
    guard mustExplain || !local.sawContenderAhead else { return nil }
    return machine.awaitsProof ? .proof : .servers
  }

  // MARK: Outside the lock

  /// Refuses a place at which no locks can be.
  func checkName() throws(LockError) {
    guard let problem = self.placeProblem else { return }
    throw LockError(.invalidConfiguration, name: self.name, message: problem)
  }

  /// A wait without end must not hang on servers that were never there.
  func awaitConnection(
    from start: ContinuousClock.Instant,
    within budget: Duration?,
    isTry: Bool
  ) async throws(LockError) -> ContinuousClock.Instant {
    if isTry {
      _ = try await self.connectedSession(within: budget)
      return start
    }
    let connection = self.client.connection
    if let error = connection.closed { throw LockError(self.name, error) }
    guard !connection.hasBeenConnected, let patience = self.firstAnswerTimeout else { return start }
    _ = try await self.connectedSession(within: budget.map { min($0, patience) } ?? patience)
    return start
  }

  private func connectedSession(within timeout: Duration?) async throws(LockError) -> ZKSession {
    if let session = self.client.currentSession, session.isConnected { return session }
    do throws(ZooKeeperError) {
      return try await self.client.waitForSession(within: timeout)
    } catch {
      throw LockError(self.name, error)
    }
  }

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

  func joined(_ contention: Contention<NodeQueueBackend>) {
    guard let error = self.client.connection.closed else { return }
    contention.handle(.closed(LockFailure(LockError(self.name, error))))
  }

  func unreachable(_ silence: Silence?, waited: Duration) -> LockError? {
    let message: String
    switch silence {
    case _ where !self.client.connection.isConnected:
      message = """
        the connection to \(self.backend.instance) was lost and did not come back within the wait; \
        check the servers, or wait longer
        """
    case .servers?:
      message = """
        \(self.backend.instance) did not get round to the request: the servers are slow, or refuse requests because of \
        their load; try again later, or wait longer
        """
    case .proof?:
      message = """
        the lock is free, but the session was not proven to live within the wait: after an outage the proof takes a quarter of \
        the session timeout; wait longer, or ask for a shorter session
        """
    case nil: return nil
    }
    return LockError(.unreachable, name: self.name, message: message, wait: LockError.Wait(waited: waited))
  }

  func perform(_ jobs: [Job], for contention: Contention<NodeQueueBackend>) {
    for job in jobs {
      switch job {
      case .send(let request, let session): contention.send(request, session)
      case .removeWatch(let watch): watch.session.removeWatch(watch.id)
      case .cancelHook(let hook): hook.session.cancelHeartbeatHook(hook.id)
      case .prove(let session): session.retainInterest()
      case .stopProving(let session): session.releaseInterest()
      }
    }
  }
}

extension Contention where Backend == NodeQueueBackend {
  func observe(_ event: ZKSessionEvent) {
    switch event {
    case .connected(let session):
      self.handle { _, local in
        local.session = session
        return .connected(session: session.generation)
      }
    case .suspended:
      let questions = self.withLocal { _, local in
        defer { local.questions = [:] }
        return Array(local.questions.values)
      }
      for question in questions { question.resolve(.failure(ZooKeeperError(.connectionLoss, operation: "exists"))) }
      self.handle(.suspended)
    case .ended(let session, _): self.handle(.ended(session: session.generation))
    case .closed(let error): self.handle(.closed(LockFailure(LockError(self.name, error))))
    }
  }
}

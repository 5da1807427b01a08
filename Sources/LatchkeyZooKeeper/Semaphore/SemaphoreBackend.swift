internal import Latchkey
internal import LatchkeyPrimitives
internal import Logging
internal import ZooKeeper

/// How the permits of a semaphore are contended for in ZooKeeper: the requests of one ``SemaphoreMachine``, its place in the queue, and
/// the watches that it has set.
final class SemaphoreBackend: ZooKeeperBackend {
  typealias Machine = SemaphoreMachine
  /// What is common to the semaphores of one limit.
  struct Shared: Sendable {
    let limit: ZooKeeperSemaphore.Limit
    /// Tells the nodes of these semaphores from those of others of the same client.
    let mark: UInt64
    let queue: ContentionTable<NodeQueueBackend>
    /// What the names of this client's nodes in the queue begin with.
    let queueMark: UInt64
    var session: ZKSession?
  }

  struct Local: ZooKeeperLocal {
    var session: ZKSession?
    /// How often in a row the servers have refused a request because of their load.
    var refusals = 0
    /// The watches of who heads the queue.
    var leasesWatch: WatchRegistration?
    var limitWatch: WatchRegistration?
    /// The watches on our own nodes.
    var ownWatches = OrderedTable<PermitClaim, [WatchRegistration]>()
    /// Those that go out with the next heartbeat.
    var heartbeatHooks = OrderedTable<PermitClaim, WatchRegistration>()
    var places = OrderedTable<UInt64, QueuePlace>()
    var holder: (node: String, description: String)?
    /// Whether it was said that something lies among the permits that is none.
    var hasWarned = false
    /// The session whose heartbeats are asked to be quorum writes.
    var provenSession: ZKSession?

    init(session: ZKSession?) { self.session = session }
  }

  enum Job: Sendable {
    case send(SemaphoreRequest, ZKSession?)
    case enterQueue(UInt64, QueuePlace)
    case leaveQueue(QueuePlace)
    case removeWatch(WatchRegistration)
    case cancelHook(WatchRegistration)
    case prove(ZKSession)
    case stopProving(ZKSession)
  }

  let site: ContenderSite
  let path: SemaphorePath
  let limit: ZooKeeperSemaphore.Limit
  let mark: UInt64
  let queue: ContentionTable<NodeQueueBackend>
  let queueMark: UInt64
  /// What our nodes say: of a fixed limit, which one, since it stands nowhere else.
  let note: [UInt8]
  let lossOfClaim = "one of its nodes is gone: deleted by hand, or with its session"
  /// What makes the queue's contender, and outlives it.
  private weak let locks: ZooKeeperLocks?

  init(name: LockName, locks: ZooKeeperLocks, _ shared: Shared) {
    self.site = ContenderSite(name: name, locks: locks)
    self.path = SemaphorePath(name, root: locks.configuration.root, shared.limit)
    self.limit = shared.limit
    let text = String(decoding: locks.data, as: UTF8.self)
    self.note =
      if case .fixed(let limit) = shared.limit {
        Array(ContenderDescription.text(text, limit: limit).utf8)
      } else {
        locks.data
      }
    self.mark = shared.mark
    (self.queue, self.queueMark) = (shared.queue, shared.queueMark)
    self.locks = locks
  }

  static func contention(
    for name: LockName,
    of locks: ZooKeeperLocks,
    _ shared: Shared
  ) -> Contention<SemaphoreBackend> {
    let shell = SemaphoreBackend(name: name, locks: locks, shared)
    let fixed: Int? = if case .fixed(let limit) = shared.limit { limit } else { nil }
    let machine = SemaphoreMachine(
      limit: fixed,
      session: shared.session?.generation,
      mark: ContenderIdentity.prefix(mark: shared.mark),
      placeVanishes: shell.placeVanishes,
      makeIdentifier: { [mark = shared.mark] _ in ContenderIdentity.newIdentifier(mark: mark) }
    )
    return Contention(shell, machine: machine, local: Local(session: shared.session))
  }

  private var placeVanishes: LockFailure {
    LockFailure(
      LockError(
        .backendFailure,
        name: self.name,
        message: """
          the semaphore's directory \(self.path.leases), or the node of its limit, is deleted as fast as it is made; find out \
          who deletes it
          """
      )
    )
  }

  func path(_ lease: String) -> String { "\(self.path.leases)/\(lease)" }

  func paths(of claim: PermitClaim) -> [String] { claim.names.map { self.path($0) } }

  func permits(of claim: PermitClaim) -> Int { claim.names.count }

  // MARK: Sessions

  static func connected(_ session: UInt64) -> SemaphoreEvent { .connected(session: session) }
  static var suspended: SemaphoreEvent { .suspended }
  static func ended(_ session: UInt64) -> SemaphoreEvent { .ended(session: session) }
  static func closed(_ failure: LockFailure) -> SemaphoreEvent { .closed(failure) }
  static func ownGone(_ claim: PermitClaim) -> SemaphoreEvent { .ownGone(claim) }
  static func termLive(_ session: UInt64) -> SemaphoreEvent { .termLive(session: session) }
  static func unprovable(_ session: UInt64, _ failure: LockFailure) -> SemaphoreEvent {
    .unprovable(session: session, failure)
  }

  // MARK: Under the lock

  func terms(of claim: PermitClaim, _ local: inout Local) -> ClaimTerms<ClaimLease> {
    guard let session = local.session else { preconditionFailure("a grant without a session") }
    // No number can fence what several hold at once.
    return ClaimTerms(token: nil, term: session.term)
  }

  func jobs(
    for requests: [SemaphoreRequest],
    _ machine: SemaphoreMachine,
    _ local: inout Local,
    hasDeadline: Bool
  ) -> [Job] {
    var jobs: [Job] = []
    let wanted = machine.needsProof ? local.session : nil
    let proven = local.provenSession
    // Before the requests: proof is needed from the moment in which our nodes can exist.
    if let wanted, wanted !== proven { jobs.append(.prove(wanted)) }
    for request in requests {
      switch request {
      case .forgetWatches:
        jobs += [local.leasesWatch, local.limitWatch].compactMap { $0.map { .removeWatch($0) } }
        (local.leasesWatch, local.limitWatch) = (nil, nil)
      case .forgetLookout:
        if let watch = local.leasesWatch { jobs.append(.removeWatch(watch)) }
        local.leasesWatch = nil
      case .forgetOwnWatch(let claim):
        jobs += (local.ownWatches[claim] ?? []).map { .removeWatch($0) }
        if let hook = local.heartbeatHooks[claim] { jobs.append(.cancelHook(hook)) }
        (local.ownWatches[claim], local.heartbeatHooks[claim]) = (nil, nil)
      case .enterQueue(let ticket):
        let place = QueuePlace()
        local.places[ticket] = place
        jobs.append(.enterQueue(ticket, place))
      case .leaveQueue(let ticket):
        if let place = local.places[ticket] { jobs.append(.leaveQueue(place)) }
        local.places[ticket] = nil
      case .behind(let place):
        if hasDeadline, place.first != nil, place.first != local.holder?.node {
          jobs.append(.send(request, local.session))
        }
      default: jobs.append(.send(request, local.session))
      }
    }
    if let proven, wanted !== proven { jobs.append(.stopProving(proven)) }
    local.provenSession = wanted
    if machine.isFree { local.refusals = 0 }
    return jobs
  }

  func wait(at place: SemaphorePlace?, _ local: Local) -> LockError.Wait {
    local.wait(behind: place?.first, ahead: place?.ahead)
  }

  func silence(
    _ machine: SemaphoreMachine,
    _ local: Local,
    waited: Duration,
    mustExplain: Bool
  ) -> ZooKeeperSilence? {
    guard mustExplain || !machine.isAnswered || machine.awaitsProof else { return nil }
    return machine.awaitsProof ? .proof : .servers
  }

  // MARK: Outside the lock

  /// A question first, and nodes only if the answer is that enough is free.
  func askFirst(
    _ contention: Contention<SemaphoreBackend>,
    for want: Want,
    until deadline: ContinuousClock.Instant?
  ) async throws(LockError) -> LockError.Wait? {
    guard case .permits(let permits) = want else { preconditionFailure("a semaphore has nothing but permits") }
    let (isFree, isTaken) = contention.withLocal { machine, _ in (machine.isFree, machine.isTaken) }
    if isTaken { return contention.knownWait }
    // Once what is on its way is answered, the machine asks again for this try.
    guard isFree else { return nil }
    let patience = deadline.map { ContinuousClock.now.duration(to: $0) }
    let session = try await self.connectedSession(within: patience)
    let answer = try await PermitQuestion(backend: self, session: session).ask(until: deadline ?? .now)
    guard let answer else { return nil }
    guard let limit = answer.limit else { throw self.noLimit(at: self.path.limit ?? "") }
    let leases = contention.withLocal { machine, _ in machine.counted(answer.leases) }
    let missing = leases.count + permits - limit
    guard missing > 0 || answer.queued > 0 else { return nil }
    return LockError.Wait(holder: leases.first, place: max(1, leases.count + answer.queued))
  }

  func perform(_ jobs: [Job], for contention: Contention<SemaphoreBackend>) {
    for job in jobs {
      switch job {
      case .send(let request, let session): contention.send(request, session)
      case .enterQueue(let ticket, let place):
        guard let locks else { continue }
        place.enter(self.queue, of: locks, for: contention, ticket)
      case .leaveQueue(let place): place.leave()
      case .removeWatch(let watch): watch.session.removeWatch(watch.id)
      case .cancelHook(let hook): hook.session.cancelHeartbeatHook(hook.id)
      case .prove(let session): session.retainInterest()
      case .stopProving(let session): session.releaseInterest()
      }
    }
  }
}

internal import Latchkey
internal import LatchkeyPrimitives
internal import Logging
internal import ZooKeeper

/// A watch or hook, and the session it was registered with.
struct WatchRegistration: Sendable {
  let id: UInt64
  let session: ZKSession
}

/// What there was instead of an answer.
enum ZooKeeperSilence: Sendable {
  case servers
  /// It is our turn, but the session was not proven to live.
  case proof
}

/// How a client contends: what all its locks and semaphores have in common, and one name.
struct ContenderSite: Sendable {
  let name: LockName
  let backend: LockBackend
  let client: ZooKeeperClient
  let acl: [ACL]
  let data: [UInt8]
  let ownDescription: String
  let answerTimeout: Duration
  /// Why no locks can be here; nil if they can.
  let placeProblem: String?
  let questions = NodeQuestions()

  init(name: LockName, locks: ZooKeeperLocks) {
    self.name = name
    self.backend = locks.backend
    self.client = locks.client
    self.acl = locks.acl
    self.data = locks.data
    self.ownDescription = locks.ownDescription
    self.answerTimeout = locks.configuration.answerTimeout
    self.placeProblem = locks.placeProblem
  }
}

/// What the backends of locks and of semaphores in ZooKeeper keep about one name.
protocol ZooKeeperLocal: Sendable {
  var session: ZKSession? { get set }
  /// Who made the first node that others wait behind, once it has been read.
  var holder: (node: String, description: String)? { get set }
}

extension ZooKeeperLocal {
  /// What a place tells callers.
  func wait(behind first: String?, ahead: Int?) -> LockError.Wait {
    let known = self.holder.flatMap { holder in holder.node == first ? holder.description : nil }
    return LockError.Wait(holder: known ?? first, place: ahead)
  }
}

/// What the backends of locks and of semaphores in ZooKeeper have in common: one session, its proof, and what errors mean.
protocol ZooKeeperBackend: ContentionBackend
where
  Source == ZooKeeperLocks, Silence == ZooKeeperSilence, Timer == Task<Void, Never>, Local: ZooKeeperLocal,
  Machine: LitteringMachine, Machine.Context == Bool
{
  var site: ContenderSite { get }

  /// The path of a node by its name.
  func path(_ node: String) -> String

  /// The paths of a claim's nodes.
  func paths(of claim: Machine.Claim) -> [String]

  // The machine's words for what sessions tell.
  static func connected(_ session: UInt64) -> Machine.Event
  static var suspended: Machine.Event { get }
  static func ended(_ session: UInt64) -> Machine.Event
  static func closed(_ failure: LockFailure) -> Machine.Event
  static func ownGone(_ claim: Machine.Claim) -> Machine.Event
  static func termLive(_ session: UInt64) -> Machine.Event
  static func unprovable(_ session: UInt64, _ failure: LockFailure) -> Machine.Event
}

extension ZooKeeperBackend {
  var name: LockName { self.site.name }
  var backend: LockBackend { self.site.backend }
  var client: ZooKeeperClient { self.site.client }
  var acl: [ACL] { self.site.acl }
  var data: [UInt8] { self.site.data }
  var ownDescription: String { self.site.ownDescription }
  var logger: Logger { self.site.client.configuration.logger }
  var tryTimeout: Duration? { self.site.answerTimeout }
  var firstAnswerTimeout: Duration? { self.site.answerTimeout }

  func context(_ local: Local) -> Bool {
    // Don't fire expiry handlers here: user code must not run under this lock.
    local.session?.term.isLive ?? false
  }

  // MARK: Before anything is asked

  /// Refuses a place at which no locks can be.
  func checkName() throws(LockError) {
    guard let problem = self.site.placeProblem else { return }
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

  func connectedSession(within timeout: Duration?) async throws(LockError) -> ZKSession {
    if let session = self.client.currentSession, session.isConnected { return session }
    do throws(ZooKeeperError) {
      return try await self.client.waitForSession(within: timeout)
    } catch {
      throw LockError(self.name, error)
    }
  }

  func joined(_ contention: Contention<Self>) {
    guard let error = self.client.connection.closed else { return }
    contention.handle(Self.closed(LockFailure(LockError(self.name, error))))
  }

  /// The deadline is proven by what a follower relays each half tick; a session shorter than four ticks could be over before.
  func tooShort(_ session: ZKSession) -> LockError? {
    let tick = self.client.configuration.tick
    guard session.timeout < tick * 4 else { return nil }
    return LockError(
      .invalidConfiguration,
      name: self.name,
      message: """
        the session timeout of \(session.timeout) is less than four ticks of \(tick): no deadline can be proven; \
        ask for a longer session, or set the client's tick to the servers' tickTime
        """
    )
  }

  // MARK: What answers mean

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

  func reduced<T>(_ result: Result<T, ZooKeeperError>) -> Result<T, NodeQueueFailure> {
    result.mapError { NodeQueueFailure(self.name, $0) }
  }

  func result(_ code: ZooKeeperCode, about path: String) -> Result<Void, NodeQueueFailure> {
    if code == .ok { return .success(()) }
    return self.reduced(.failure(ZooKeeperError(code, operation: "lock", path: path)))
  }

  /// What became of a directory that was to be made.
  func made(_ directory: String, _ code: ZooKeeperCode) -> Result<Void, NodeQueueFailure> {
    // Parents are made first, so what is missing here is the chroot.
    guard code == .noNode else { return self.result(code, about: directory) }
    let error = LockError(
      .invalidConfiguration,
      name: self.name,
      message: """
        the directory \(directory) cannot be made under \(self.backend.instance): \
        the chroot does not exist; create it, or correct the connect string
        """
    )
    return .failure(.permanent(LockFailure(error)))
  }

  /// What the answer to a delete means for a caller that waits for it; nil to let the machine say.
  func releaseOutcome(of code: ZooKeeperCode, _ path: String) -> ReleaseOutcome? {
    switch code {
    case .ok, .sessionExpired, .closed, .invalidState, .throttled: return nil
    // The first answer, and nothing to delete.
    case .noNode:
      let reason = "its node was gone when it was released: deleted by hand, or with its session"
      return .failure(.lost(self.name, because: reason))
    case _ where code.isInDoubt: return nil
    default:
      self.client.configuration.logger.warning(
        "a lock's node could not be deleted; it stands in the way until the session ends",
        metadata: .lock(self.name, self.backend).and(["zookeeper.path": "\(path)", "error": "\(code)"])
      )
      return .success(PendingRelease(reason: "\(code)"))
    }
  }

  func logStranger(_ path: String) {
    self.client.configuration.logger.notice(
      "a node of this client that no attempt knows stands in the way: a create was carried out late; it is deleted",
      metadata: .lock(self.name, self.backend).and(["zookeeper.path": "\(path)"])
    )
  }

  // MARK: Leases

  /// A holder that does not let go of what it has lost keeps everybody waiting for as long as the session lives, which others
  /// cannot tell from a lock that is held. It is given one more session timeout to stop.
  func termEnded(_ lease: ClaimLease, of contention: Contention<Self>) {
    let session = contention.withLocal { $1.session } ?? self.client.currentSession
    let time = session?.timeout ?? self.client.configuration.sessionTimeout
    Task.detached { [weak contention, weak lease] in
      // Never cancelled: nobody holds the task.
      try? await Task.sleep(for: time)
      guard let contention, let lease, contention.giveBack(lease) else { return }
      self.client.configuration.logger.warning(
        "a lock that was lost has not been released for a whole session timeout: its node is deleted, so that others can go on",
        metadata: .lock(self.name, self.backend, lease.token)
          .and(["zookeeper.path": "\(self.paths(of: lease.node).joined(separator: " "))"])
      )
    }
  }

  /// Asks the server whether a lease's nodes still stand. The deadline itself moves with the session's heartbeats alone: an answer
  /// to a read proves nothing about the session.
  func extend(_ lease: ClaimLease, of contention: Contention<Self>) async throws(LockError) {
    guard let session = contention.withLocal({ $1.session }), session.generation == lease.node.session
    else { throw .lost(self.name, because: "its session is over") }
    for path in self.paths(of: lease.node) {
      let result = await askDespiteLoad(until: lease.term.deadline) {
        await self.site.questions.ask(about: path, session, until: lease.term)
      }
      switch result {
      case .success(.some): continue
      case .success(nil): return contention.handle(Self.ownGone(lease.node))
      case .failure(let error):
        // Past the deadline there is a better word for it, which the lease has.
        guard lease.term.isLive else { return }
        throw LockError(self.name, error)
      }
    }
  }
}

extension Contention where Backend: ZooKeeperBackend {
  func observe(_ event: ZKSessionEvent) {
    switch event {
    case .connected(let session):
      self.handle { _, local in
        local.session = session
        return Backend.connected(session.generation)
      }
    case .suspended:
      self.shell.site.questions.fail()
      self.handle(Backend.suspended)
    case .ended(let session, _): self.handle(Backend.ended(session.generation))
    case .closed(let error): self.handle(Backend.closed(LockFailure(LockError(self.name, error))))
    }
  }

  /// The session that a request is for; nil if it is over.
  func session(_ generation: UInt64, _ current: ZKSession?) -> ZKSession? {
    current?.generation == generation ? current : nil
  }

  /// Reports that a session is proven to live, or why it never will be.
  func awaitLiveTerm(of session: ZKSession) {
    session.onLiveTerm { term in
      if term != nil { return self.handle(Backend.termLive(session.generation)) }
      // If it is not too short it is over, which the client reports by itself.
      guard let error = self.shell.tooShort(session) else { return }
      self.handle(Backend.unprovable(session.generation, LockFailure(error)))
    }
  }

  /// Reads who made a node, for those whose wait may run out.
  func describeHolder(_ node: String, _ session: ZKSession) {
    session.get(self.shell.path(node)) { result in
      guard case .success((let data, let stat)) = result else { return }
      let owner = String(UInt64(bitPattern: stat.ephemeralOwner), radix: 16)
      let description = ContenderDescription.name(
        note: String(decoding: data.prefix(2048), as: UTF8.self),
        identity: "\(node), session 0x\(owner)"
      )
      self.withLocal { _, local in local.holder = (node, description) }
    }
  }

  /// Comes back with an event after a while: the servers have too much to do.
  func wait(_ refusals: Int, then event: Machine.Event) {
    Task.detached {
      // Never cancelled: nobody holds the task.
      try? await Task.sleep(for: .pause(afterRefusals: refusals))
      self.handle(event)
    }
  }
}

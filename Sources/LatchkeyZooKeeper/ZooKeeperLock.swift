public import Latchkey
internal import LatchkeyPrimitives
internal import ZooKeeper

/// A lock in ZooKeeper: ephemeral sequential nodes, each waiter watching only its predecessor.
///
/// First come, first served among processes, and in order within one. An uncontended acquire takes one round trip, a release
/// one. The fencing token is the node's czxid, which grows over deletion of the directory and change of leader. Exclusion
/// inside the deadline rests on clocks that run at about the same rate, on a majority of the servers, and on nobody deleting
/// the node by hand; the session timeout must be at least four ticks of the servers.
public struct ZooKeeperLock: FencedLock {
  /// The name that contenders agree on.
  public let name: LockName

  private let locks: ZooKeeperLocks
  private let directory: String

  init(name: LockName, locks: ZooKeeperLocks) {
    self.name = name
    self.locks = locks
    self.directory = LockPath.directory(of: name, under: locks.configuration.root)
  }

  /// `zookeeper`, and the servers with their chroot.
  public var backend: LockBackend { self.locks.backend }

  /// Takes the lock if nobody has it.
  ///
  /// Asks first and writes nothing if somebody holds the lock: one round trip. A `sync` goes along, so a server that lags
  /// behind does not answer for the others.
  ///
  /// - Returns: The lease, or nil if somebody else holds the lock.
  /// - Throws: `LockError`: `unreachable` if the servers do not answer within
  ///   ``ZooKeeperLocks/Configuration/answerTimeout``, `notAuthorized`, `invalidConfiguration` if the
  ///   session timeout is too short for the servers' tick.
  public func tryAcquire() async throws(LockError) -> Lease? {
    try await self.locks.observer.tryAcquire(self.name) { () async throws(LockError) in try await self.tryLease() }
  }

  private func tryLease() async throws(LockError) -> Lease? {
    try self.locks.checkPlace(of: self.name)
    if Task.isCancelled { throw .cancelled(self.name) }
    if case .leased(let lease) = try await self.tryOnce() { return lease.makeLease() }
    return nil
  }

  /// Waits for the lock, first come, first served among all contenders.
  ///
  /// A connection that is lost meanwhile is ridden out; a session that expires costs the place in the queue, not the wait. Only
  /// servers that do not answer anything at first, for as long as ``ZooKeeperLocks/Configuration/answerTimeout``, end a wait
  /// before its budget is over, or without one.
  ///
  /// - Parameter timeout: The budget of the whole call; nil waits for ever, zero tries once.
  /// - Returns: The lease.
  /// - Throws: `LockError`: `timedOut`, `cancelled`, `unreachable`, `notAuthorized`, `invalidConfiguration`, `closed`.
  public func acquire(within timeout: Duration?) async throws(LockError) -> Lease {
    try await self.locks.observer.acquire(self.name, within: timeout) { () async throws(LockError) in
      try await self.acquireLease(within: timeout)
    }
  }

  private func acquireLease(within timeout: Duration?) async throws(LockError) -> Lease {
    try self.locks.checkPlace(of: self.name)
    if Task.isCancelled { throw .cancelled(self.name) }
    let start = ContinuousClock.now
    if let timeout, timeout <= .zero {
      switch try await self.tryOnce() {
      case .leased(let lease): return lease.makeLease()
      case .busy(let wait): throw self.late(wait, since: start)
      }
    }
    let patience = self.locks.configuration.answerTimeout
    try await self.awaitFirstConnection(within: timeout.map { min($0, patience) } ?? patience)
    let deadline = timeout.map { start.advanced(by: $0) }
    switch await self.wait(until: deadline, isPatient: true, firstAnswer: start.advanced(by: patience)) {
    case .granted(let lease):
      guard Task.isCancelled else { return lease.makeLease() }
      // The grant crossed the cancellation: nobody would release it.
      await self.releaseUnwanted(lease)
      throw .cancelled(self.name)
    case .busy(let wait): throw self.late(wait, since: start)
    case .timedOut(let wait):
      guard self.locks.connection.isConnected else { throw self.outage(waited: .now - start) }
      throw self.late(wait, since: start)
    case .unanswered(let silence): throw self.unreachable(silence, waited: .now - start)
    case .cancelled: throw .cancelled(self.name)
    case .failed(let error): throw error
    }
  }

  private enum Attempt {
    case leased(ZooKeeperLease)
    case busy(LockError.Wait)
  }

  /// One try: a question first, and a node only if the answer is that nobody holds the lock.
  private func tryOnce() async throws(LockError) -> Attempt {
    let patience = self.locks.configuration.answerTimeout
    let deadline = ContinuousClock.now.advanced(by: patience)
    let session = try await self.connectedSession(within: patience)
    switch self.locks.withQueue(self.name, self.directory, { queue in queue.localState }) {
    case .taken(let wait): return .busy(wait)
    // Once what is on its way is answered, the queue asks again for this try.
    case .unanswered: break
    case .free:
      let (count, first) = try await QueueQuestion.contenders(
        of: self.name,
        in: self.directory,
        besides: ContenderIdentity.prefix(mark: self.locks.mark),
        session: session,
        until: deadline
      )
      guard count == 0 else { return .busy(LockError.Wait(holder: first, place: count)) }
    }
    switch await self.wait(until: deadline, isPatient: false) {
    case .granted(let lease):
      guard Task.isCancelled else { return .leased(lease) }
      await self.releaseUnwanted(lease)
      throw .cancelled(self.name)
    case .busy(let wait): return .busy(wait)
    case .timedOut: throw self.unreachable(.servers, waited: patience)
    case .unanswered(let silence): throw self.unreachable(silence, waited: patience)
    case .cancelled: throw .cancelled(self.name)
    case .failed(let error): throw error
    }
  }

  /// Stands in the local line until granted, dismissed, timed out or cancelled.
  private func wait(
    until deadline: ContinuousClock.Instant?,
    isPatient: Bool,
    firstAnswer: ContinuousClock.Instant? = nil
  ) async -> LockQueue.Answer {
    let (queue, id) = self.locks.withQueue(self.name, self.directory) { queue in
      queue.join(for: self.locks, isPatient: isPatient, hasDeadline: deadline != nil, firstAnswer: firstAnswer)
        .map { (queue, $0) }
    }
    // The client may have been closed since we looked, and its queues been told before we joined one.
    if let error = self.locks.connection.closed { queue.observe(.closed(error)) }
    return await withDeadline(deadline) {
      queue.leave(id, timedOut: true)
    } wait: {
      await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in queue.suspend(id, continuation) }
      } onCancel: {
        queue.leave(id, timedOut: false)
      }
    }
  }

  private func releaseUnwanted(_ lease: ZooKeeperLease) async {
    do throws(LockError) {
      try await lease.release(lease.grant)
    } catch {
      // It was lost before it was wanted: all that a release could do has been done.
    }
  }

  /// A wait without end must not hang on servers that were never there.
  private func awaitFirstConnection(within timeout: Duration?) async throws(LockError) {
    let connection = self.locks.connection
    if let error = connection.closed { throw LockError(self.name, error) }
    guard !connection.hasBeenConnected else { return }
    _ = try await self.connectedSession(within: timeout)
  }

  private func connectedSession(within timeout: Duration?) async throws(LockError) -> ZKSession {
    if let session = self.locks.client.currentSession, session.isConnected { return session }
    do throws(ZooKeeperError) {
      return try await self.locks.client.waitForSession(within: timeout)
    } catch {
      throw LockError(self.name, error)
    }
  }

  private func late(_ wait: LockError.Wait, since start: ContinuousClock.Instant) -> LockError {
    var wait = wait
    wait.waited = .now - start
    return .timedOut(self.name, wait)
  }

  private func unreachable(_ silence: LockQueue.Silence, waited: Duration) -> LockError {
    guard self.locks.connection.isConnected else { return self.outage(waited: waited) }
    switch silence {
    case .servers: return self.overload(waited)
    case .proof: return self.unproven(waited)
    }
  }

  private func unproven(_ waited: Duration) -> LockError {
    LockError(
      .unreachable,
      name: self.name,
      message: """
        the lock is free, but the session was not proven to live within the wait: after an outage the proof takes a quarter of \
        the session timeout; wait longer, or ask for a shorter session
        """,
      wait: LockError.Wait(waited: waited)
    )
  }

  private func overload(_ patience: Duration) -> LockError {
    LockError(
      .unreachable,
      name: self.name,
      message: """
        \(self.locks.backend.instance) did not get round to the request: the servers are slow, or refuse requests because of \
        their load; try again later, or wait longer
        """,
      wait: LockError.Wait(waited: patience)
    )
  }

  private func outage(waited: Duration) -> LockError {
    LockError(
      .unreachable,
      name: self.name,
      message: """
        the connection to \(self.locks.backend.instance) was lost and did not come back within the wait; \
        check the servers, or wait longer
        """,
      wait: LockError.Wait(waited: waited)
    )
  }
}

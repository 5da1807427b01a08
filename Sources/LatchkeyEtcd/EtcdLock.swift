#if Etcd
public import Latchkey

/// A lock in etcd: keys bound to a lease, in the order of their creation, each waiter watching only its predecessor.
///
/// First come, first served among processes, and in order within one. An uncontended acquire takes one round trip, a release
/// one. The fencing token is the create revision of the key, which grows with every write to the cluster. Exclusion inside
/// the deadline rests on clocks that run at about the same rate, on a majority of the members, on nobody deleting keys by
/// hand, and on servers without the defect that deposed leaders revoke leases (etcd issue 15247, mended in 3.4.31 and
/// 3.5.13): on older ones a lease can lose its key early, which is told as a loss when the client hears of it.
public struct EtcdLock: FencedLock {
  /// The name that contenders agree on.
  public let name: LockName

  private let locks: EtcdLocks

  init(name: LockName, locks: EtcdLocks) {
    self.name = name
    self.locks = locks
  }

  /// `etcd`, and the endpoints with the prefix.
  public var backend: LockBackend { self.locks.backend }

  /// Takes the lock if nobody has it: one round trip, which writes nothing if somebody has.
  ///
  /// - Returns: The lease, or nil if somebody else holds the lock.
  /// - Throws: `LockError`: `unreachable` if the cluster does not answer within
  ///   ``EtcdLocks/Configuration/answerTimeout``, `notAuthorized`.
  public func tryAcquire() async throws(LockError) -> Lease? {
    try await self.locks.observer.tryAcquire(self.name) { () async throws(LockError) in
      if Task.isCancelled { throw .cancelled(self.name) }
      if case .leased(let lease) = try await self.tryOnce() { return lease.makeLease() }
      return nil
    }
  }

  /// Waits for the lock, first come, first served among all contenders.
  ///
  /// An outage during the wait is ridden out; a session that expires costs the place in the queue, not the wait. Only a cluster that
  /// does not answer anything at first, for as long as ``EtcdLocks/Configuration/answerTimeout``, ends a wait before its
  /// budget is over, or without one.
  ///
  /// - Parameter timeout: The budget of the whole call; nil waits for ever, zero tries once.
  /// - Returns: The lease.
  /// - Throws: `LockError`: `timedOut`, `cancelled`, `unreachable`, `notAuthorized`, `closed`.
  public func acquire(within timeout: Duration?) async throws(LockError) -> Lease {
    try await self.locks.observer.acquire(self.name, within: timeout) { () async throws(LockError) in
      try await self.grant(within: timeout).makeLease()
    }
  }

  /// The same, with what the lease rests on.
  func grant(within timeout: Duration?) async throws(LockError) -> EtcdLease {
    if Task.isCancelled { throw .cancelled(self.name) }
    let start = ContinuousClock.now
    if let timeout, timeout <= .zero {
      switch try await self.tryOnce() {
      case .leased(let lease): return lease
      case .busy(var wait):
        wait.waited = .now - start
        throw .timedOut(self.name, wait)
      }
    }
    let patience = self.locks.configuration.answerTimeout
    let asked = try await self.awaitFirstSession(from: start, within: timeout)
    let deadline = timeout.map { start.advanced(by: $0) }
    let firstAnswer = asked.advanced(by: patience)
    switch await self.wait(from: start, until: deadline, firstAnswer: firstAnswer, isPatient: true) {
    case .granted(let lease):
      guard Task.isCancelled else { return lease }
      // The grant crossed the cancellation: nobody would release it.
      await self.releaseUnwanted(lease)
      throw .cancelled(self.name)
    case .busy(var wait), .timedOut(var wait, isOutage: false):
      wait.waited = .now - start
      throw .timedOut(self.name, wait)
    case .timedOut(_, isOutage: true): throw self.outage(waited: .now - start)
    case .cancelled: throw .cancelled(self.name)
    case .failed(let error): throw error
    }
  }

  private enum Attempt {
    case leased(EtcdLease)
    case busy(LockError.Wait)
  }

  private func tryOnce() async throws(LockError) -> Attempt {
    let start = ContinuousClock.now
    let patience = self.locks.configuration.answerTimeout
    let deadline = start.advanced(by: patience)
    try await self.awaitSession(within: patience)
    switch await self.wait(from: start, until: deadline, firstAnswer: deadline, isPatient: false) {
    case .granted(let lease):
      guard Task.isCancelled else { return .leased(lease) }
      await self.releaseUnwanted(lease)
      throw .cancelled(self.name)
    case .busy(let wait): return .busy(wait)
    case .timedOut: throw self.outage(waited: .now - start)
    case .cancelled: throw .cancelled(self.name)
    case .failed(let error): throw error
    }
  }

  /// Stands in the local line until granted, dismissed, timed out or cancelled.
  ///
  /// - Parameter firstAnswer: When a wait ends in which the servers have not answered anything.
  private func wait(
    from start: ContinuousClock.Instant,
    until deadline: ContinuousClock.Instant?,
    firstAnswer: ContinuousClock.Instant,
    isPatient: Bool
  ) async -> LockQueue.Answer {
    let (queue, place) = self.locks.withQueue(self.name) { queue in
      queue.join(for: self.locks, isPatient: isPatient).map { (queue, $0) }
    }
    // The client may have been closed since we looked, and its queues been told before we joined one.
    if let error = self.locks.client.keeper.closed { queue.observe(.closed(error)) }
    let isFirst = deadline.map { firstAnswer < $0 } ?? true
    return await withDeadline(deadline) {
      queue.timeOut(place.id, waited: .now - start)
    } wait: {
      await withDeadline(isFirst ? firstAnswer : nil) {
        queue.timeOutIfUnanswered(place)
      } wait: {
        await withTaskCancellationHandler {
          await withCheckedContinuation { continuation in queue.suspend(place.id, continuation) }
        } onCancel: {
          queue.cancel(place.id)
        }
      }
    }
  }

  private func releaseUnwanted(_ lease: EtcdLease) async {
    do throws(LockError) {
      try await lease.release(lease.grant)
    } catch {
      // Already lost; nothing left to release.
    }
  }

  /// A wait without end must not hang on servers that were never there.
  ///
  /// - Returns: From when on the first answer is waited for.
  private func awaitFirstSession(
    from start: ContinuousClock.Instant,
    within timeout: Duration?
  ) async throws(LockError) -> ContinuousClock.Instant {
    let client = self.locks.client
    if let error = client.keeper.closed { throw LockError(self.name, error) }
    guard !client.hasHadSession else { return start }
    let patience = self.locks.configuration.answerTimeout
    do throws(EtcdError) {
      _ = try await client.keeper.waitForSession(within: timeout.map { min($0, patience) } ?? patience)
      return start
    } catch {
      // A cluster that has answered, and refuses us for now, is waited for as in any outage.
      guard error.isTransient, timeout.map({ $0 > patience }) ?? true else { throw LockError(self.name, error) }
      try await self.awaitSession(within: timeout.map { $0 - patience })
      return .now
    }
  }

  private func awaitSession(within timeout: Duration?) async throws(LockError) {
    do throws(EtcdError) {
      _ = try await self.locks.client.keeper.waitForSession(within: timeout)
    } catch {
      throw LockError(self.name, error)
    }
  }

  private func outage(waited: Duration) -> LockError {
    let trouble = self.locks.client.transactions.trouble ?? self.locks.client.keeper.reasonOfAbsence
    let message =
      if let trouble, trouble.isTransient {
        "\(self.locks.backend.instance) refused all requests of the wait for a reason that can pass; see the servers' words"
      } else {
        """
        \(self.locks.backend.instance) did not answer within the wait; \
        check the endpoints, and that a majority of the members runs, or wait longer
        """
      }
    return LockError(
      .unreachable,
      name: self.name,
      message: message,
      wait: LockError.Wait(waited: waited),
      underlying: trouble
    )
  }
}
#endif

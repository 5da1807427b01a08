#if Etcd
public import Latchkey
internal import LatchkeyPrimitives

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
      try await self.locks.contentions.tryAcquire(self.name, of: self.locks)?.makeLease()
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
      try await self.locks.contentions.acquire(self.name, of: self.locks, within: timeout).makeLease()
    }
  }
}
#endif

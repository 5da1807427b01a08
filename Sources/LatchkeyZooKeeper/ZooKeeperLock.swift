public import Latchkey

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

  init(name: LockName, locks: ZooKeeperLocks) {
    self.name = name
    self.locks = locks
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
    try await self.locks.observer.tryAcquire(self.name) { () async throws(LockError) in
      try await self.locks.contentions.tryAcquire(self.name, of: self.locks)?.makeLease()
    }
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
      try await self.locks.contentions.acquire(self.name, of: self.locks, within: timeout).makeLease()
    }
  }
}

public import Latchkey

/// A lock on a majority of independent Redis servers, as Redis's author describes it (Redlock).
///
/// **It has no fencing token.** Any number that the servers could mint would come from those that happened to vote, and two
/// majorities share only one server: it would not grow with every grant. So nothing but the deadline protects the resource from
/// a holder that was stopped for longer than the TTL and goes on writing. Where that matters, take a lock with a token
/// (``RedisLock``, ZooKeeper, etcd) and let the resource check it. Redlock is for work where duplicates are merely wasteful, not
/// for work that must never be done twice.
///
/// Exclusion inside the deadline rests on a quorum that forgets nothing for one TTL, and on clocks that run at about the same
/// rate. A server that was started again, or that takes over the address of another one, has no vote until all keys that it may
/// lack have run out. A server that is named twice has one vote: the lock is refused with `invalidConfiguration`. What this does not
/// cover: a failover to a replica before this client has seen the old master, `FLUSHALL`, eviction of keys under memory pressure, and
/// steps of the servers' wall clocks. Not fair beyond the order within a process: losers of a split vote try again after a random
/// pause.
public struct Redlock: DistributedLock {
  /// The name that contenders agree on.
  public let name: LockName

  private let locks: RedlockLocks

  init(name: LockName, locks: RedlockLocks) {
    self.name = name
    self.locks = locks
  }

  /// `redlock`, and the servers with the keys' prefix.
  public var backend: LockBackend { self.locks.runtime.settings.backend }

  /// Takes the lock if nobody has it: all servers are asked at once, and a majority must grant it.
  ///
  /// - Returns: The lease, or nil if others hold the lock or the votes were split.
  /// - Throws: `LockError`: `unreachable`, with each server's answer, if too few servers can vote; `notAuthorized`,
  ///   `cancelled`, `closed`, `backendFailure`, `invalidName`, `invalidConfiguration`.
  public func tryAcquire() async throws(LockError) -> Lease? {
    try await self.locks.runtime.observer.tryAcquire(self.name) { () async throws(LockError) in
      try await self.locks.contentions.tryAcquire(self.name, of: self.locks.runtime)?.makeLease()
    }
  }

  /// Waits for the lock.
  ///
  /// - Parameter timeout: The budget of the whole call; nil waits for ever, zero tries once.
  /// - Returns: The lease.
  /// - Throws: `LockError`: `timedOut`, with each server's answer, and what ``tryAcquire()`` throws.
  public func acquire(within timeout: Duration?) async throws(LockError) -> Lease {
    try await self.locks.runtime.observer.acquire(self.name, within: timeout) { () async throws(LockError) in
      try await self.locks.contentions.acquire(self.name, of: self.locks.runtime, within: timeout).makeLease()
    }
  }
}

public import Latchkey

/// A lock on one Redis server: a key with a TTL, that only its owner extends and deletes.
///
/// The key is the lock's name, and its value a plain string that is set only where none is (`SET key value NX PX`): redis-py's
/// `Lock`, redsync, and every other client of that pattern exclude us and are excluded by us. An uncontended acquire takes one
/// round trip, a release one.
///
/// Exclusion inside the deadline rests on one server that forgets nothing and whose wall clock is not stepped; a failover to a
/// replica may forget the lock. The fencing token is the greater of a counter's next number and the server's time in
/// microseconds, so it grows unless counter and clock are lost together. Not fair beyond the order within a process: whichever
/// process comes first after a release has the lock.
public struct RedisLock: FencedLock {
  /// The name that contenders agree on.
  public let name: LockName

  private let locks: RedisLocks

  init(name: LockName, locks: RedisLocks) {
    self.name = name
    self.locks = locks
  }

  /// `redis`, and the server with its database and the keys' prefix.
  public var backend: LockBackend { self.locks.runtime.settings.backend }

  /// Takes the lock if nobody has it: one round trip.
  ///
  /// - Returns: The lease, or nil if somebody else holds the lock.
  /// - Throws: `LockError`: `unreachable` if the server cannot be asked, `notAuthorized`, `cancelled`, `closed`,
  ///   `backendFailure` if the key holds something else than a lock, `invalidName` for the name of a counter.
  public func tryAcquire() async throws(LockError) -> Lease? {
    try await self.locks.runtime.observer.tryAcquire(self.name) { () async throws(LockError) in
      try await self.locks.contentions.tryAcquire(self.name, of: self.locks.runtime)?.makeLease()
    }
  }

  /// Waits for the lock.
  ///
  /// A connection that is lost meanwhile is ridden out; only a server that has never answered ends a wait without a budget.
  ///
  /// - Parameter timeout: The budget of the whole call; nil waits for ever, zero tries once.
  /// - Returns: The lease.
  /// - Throws: `LockError`: `timedOut`, and what ``tryAcquire()`` throws.
  public func acquire(within timeout: Duration?) async throws(LockError) -> Lease {
    try await self.locks.runtime.observer.acquire(self.name, within: timeout) { () async throws(LockError) in
      try await self.locks.contentions.acquire(self.name, of: self.locks.runtime, within: timeout).makeLease()
    }
  }
}

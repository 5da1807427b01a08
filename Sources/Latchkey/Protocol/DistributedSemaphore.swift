/// A semaphore: a name that contenders agree on, at a backend, and a number of permits of which each holder has some.
///
/// At most as many permits are held as the limit was when the last of them were granted. A limit that is lowered takes nothing away
/// from those who hold: new grants wait until enough has been given back.
///
/// The lease of some permits keeps the promises of a lock's ``Lease``, but carries no fencing token: no number can fence a resource
/// of which several holders are lawful at once. Where stale writes must be refused, take one lock for each slot instead, named
/// `pool/slot-1`, `pool/slot-2` and so on.
///
/// A task may hold permits more than once. One that asks for more in the body of its own `withPermits` keeps what it has while it
/// waits: tasks that do so can wait for one another for ever. Ask for all at once.
///
/// ```swift
/// let pool = locks.semaphore("reports", limit: .fixed(5))
/// try await pool.withPermit { _ in try await render(report) }
/// ```
public protocol DistributedSemaphore: Sendable {
  /// The name that contenders agree on.
  var name: LockName { get }

  /// Where the semaphore lives.
  var backend: LockBackend { get }

  /// Takes permits if that many are free, and nobody waits for permits before.
  ///
  /// - Parameter permits: How many, at least 1.
  /// - Returns: One lease for all of them, or nil if fewer are free: none is taken then.
  /// - Throws: ``LockError``: ``LockError/Code/invalidConfiguration`` for a number that could never be granted,
  ///   ``LockError/Code/unreachable`` and others if the backend cannot tell.
  func tryAcquire(_ permits: Int) async throws(LockError) -> Lease?

  /// Waits for permits. They are granted all at once or not at all, so nobody waits with some in hand.
  ///
  /// Cancelling the task ends the wait and leaves nothing behind at the backend.
  ///
  /// - Parameters:
  ///   - permits: How many, at least 1.
  ///   - timeout: The budget of the whole call; nil waits for ever, zero tries once.
  /// - Returns: One lease for all of them, without a token.
  /// - Throws: ``LockError``: ``LockError/Code/invalidConfiguration`` at once for a number that could never be granted, being less
  ///   than 1 or more than a fixed limit; else as ``DistributedLock/acquire(within:)``.
  func acquire(_ permits: Int, within timeout: Duration?) async throws(LockError) -> Lease

  /// Changes how many permits there are, for all who use the semaphore.
  ///
  /// Raised, it lets in whoever now fits. Lowered, it takes nothing away.
  ///
  /// - Parameter limit: How many, at least 0; with 0 nobody gets in.
  /// - Throws: ``LockError``: ``LockError/Code/notSupported`` if the limit is fixed, ``LockError/Code/invalidConfiguration`` if it is
  ///   negative, ``LockError/Code/unreachable`` and others if the backend cannot be told.
  func setLimit(_ limit: Int) async throws(LockError)
}

extension DistributedSemaphore {
  /// Takes one permit if one is free, and nobody waits for permits before.
  ///
  /// - Returns: The lease, or nil if no permit is free.
  /// - Throws: As ``tryAcquire(_:)``.
  public func tryAcquire() async throws(LockError) -> Lease? { try await self.tryAcquire(1) }

  /// Waits for one permit.
  ///
  /// - Parameter timeout: The budget of the whole call; nil waits for ever, zero tries once.
  /// - Returns: The lease, without a token.
  /// - Throws: As ``acquire(_:within:)``.
  public func acquire(within timeout: Duration? = nil) async throws(LockError) -> Lease {
    try await self.acquire(1, within: timeout)
  }

  /// Waits for permits without a budget.
  ///
  /// - Parameter permits: How many, at least 1.
  /// - Returns: One lease for all of them, without a token.
  /// - Throws: As ``acquire(_:within:)``.
  public func acquire(_ permits: Int) async throws(LockError) -> Lease { try await self.acquire(permits, within: nil) }

  /// Refuses a number of permits that could never be granted.
  ///
  /// - Parameters:
  ///   - permits: How many are asked for.
  ///   - limit: How many there are, if that cannot change.
  package func check(_ permits: Int, limit: Int?) throws(LockError) {
    if permits < 1 {
      throw .invalidPermits(self.name, "\(permits) permits were asked for; ask for at least 1")
    }
    guard let limit, permits > limit else { return }
    throw .invalidPermits(
      self.name,
      "\(permits) \(permits == 1 ? "permit was" : "permits were") asked for, and there are only \(limit); "
        + "ask for fewer, or raise the limit in every process"
    )
  }

  /// Refuses a limit with which nobody would ever get in.
  ///
  /// - Parameter limit: How many permits there are, once and for all.
  package func check(fixedLimit limit: Int) throws(LockError) {
    if limit < 1 { throw .invalidPermits(self.name, "a fixed limit of \(limit) lets nobody in; give at least 1") }
  }

  /// Refuses a limit that nobody can mean.
  package func check(limit: Int) throws(LockError) {
    if limit < 0 { throw .invalidPermits(self.name, "a limit of \(limit) was set; set one of at least 0") }
  }

  /// The answer to a change of a limit that is fixed.
  package var limitIsFixed: LockError {
    LockError(
      .notSupported,
      name: self.name,
      message: "the limit of this semaphore is fixed; make it with a shared limit to change it while it is in use"
    )
  }
}

extension LockError {
  fileprivate static func invalidPermits(_ name: LockName, _ message: String) -> LockError {
    LockError(.invalidConfiguration, name: name, message: message)
  }
}

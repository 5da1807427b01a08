/// A lock: a name that contenders agree on, at a backend. Immutable, cheap and shareable; it owns nothing. What is owned is
/// the ``Lease``.
///
/// All backends keep the same promises, each under the conditions that its documentation names: exclusion while a lease is
/// held, a deadline that is clock arithmetic, loss that is told, release that frees only its own grant, cancellation that
/// leaves nothing behind, and timeouts that are one budget for the whole call.
public protocol DistributedLock: Sendable {
  /// The name that contenders agree on.
  var name: LockName { get }

  /// Where the lock lives.
  var backend: LockBackend { get }

  /// Takes the lock if nobody has it.
  ///
  /// - Returns: The lease, or nil if somebody else holds the lock.
  /// - Throws: ``LockError`` if the backend cannot tell, for example because it is unreachable.
  func tryAcquire() async throws(LockError) -> Lease?

  /// Waits for the lock.
  ///
  /// Cancelling the task ends the wait and leaves nothing behind at the backend.
  ///
  /// - Parameter timeout: The budget of the whole call; nil waits for ever, zero tries once.
  /// - Returns: The lease.
  /// - Throws: ``LockError`` with code ``LockError/Code/timedOut`` when the budget is used up, with what is known of the
  ///   wait; ``LockError/Code/cancelled`` when the task was cancelled; other codes if the backend fails.
  func acquire(within timeout: Duration?) async throws(LockError) -> Lease
}

/// A lock whose leases always carry a fencing token that is greater than those of all earlier conflicting grants, over
/// restarts of server and client and over deletion of the lock's directory.
///
/// Its ``withLock(within:isolation:_:)`` passes the token of the grant to the body, and there it is not optional.
public protocol FencedLock: DistributedLock {}

/// Something that has locks by name: a client of a backend.
///
/// Its locks have a type of their own: `some LockProvider<ZooKeeperLock>` names it, and the locks of `any LockProvider` are
/// `any DistributedLock`.
public protocol LockProvider<Lock>: Sendable {
  /// The type of the locks.
  associatedtype Lock: DistributedLock

  /// The lock of a name. Costs nothing and asks nobody.
  ///
  /// - Parameter name: The name that contenders agree on.
  /// - Returns: The lock; equal names give the same lock.
  func lock(_ name: LockName) -> Lock
}

extension DistributedLock {
  /// Waits for the lock without a budget.
  ///
  /// - Returns: The lease.
  /// - Throws: ``LockError``, as ``acquire(within:)`` does.
  @inlinable
  public func acquire() async throws(LockError) -> Lease {
    try await self.acquire(within: nil)
  }
}

extension LockError {
  /// The answer to a try that found the lock held, for calls that must not return nil.
  @usableFromInline
  package static func timedOut(_ name: LockName, _ wait: Wait) -> LockError {
    LockError(
      .timedOut,
      name: name,
      message: "somebody else held the lock for the whole wait; wait longer, or look at who holds it",
      wait: wait
    )
  }

  @usableFromInline
  package static func cancelled(_ name: LockName) -> LockError {
    LockError(.cancelled, name: name, message: "the wait was cancelled; nothing is left behind")
  }

  /// The error as functions with a body throw it: a cancelled wait is a `CancellationError`, as code outside this package expects.
  var outsideThisPackage: any Error { self.code == .cancelled ? CancellationError() : self }
}

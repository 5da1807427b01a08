/// An in-process lock under the common protocol: asynchronous, first come, first served, cancellable, with time-outs.
///
/// Without contention, acquiring and releasing never suspend. Leases have no deadline and cannot be lost; tokens grow within
/// the process. Two mutexes of one name from one ``LocalLocks`` are the same lock.
///
/// ```swift
/// let mutex = LocalMutex("counter")
/// try await mutex.withLock { _ in counter += 1 }
/// ```
public struct LocalMutex: FencedLock {
  @usableFromInline let core: LocalLockCore

  init(core: LocalLockCore) {
    self.core = core
  }

  /// Makes a mutex that nobody else can name: it excludes only users of this value and its copies.
  ///
  /// - Parameters:
  ///   - name: The name, for errors and logs.
  ///   - observability: What it tells of itself.
  public init(_ name: LockName, observability: LockObservability = LockObservability()) {
    self.core = LocalLockCore(
      name: name,
      instance: LocalLocks.nextInstance(),
      observability: observability
    )
  }

  /// The name that contenders agree on.
  public var name: LockName { self.core.name }

  /// `mutex`, and the registry it belongs to.
  public var backend: LockBackend { self.core.backend }

  /// Takes the lock if nobody has it; never suspends.
  ///
  /// - Returns: The lease, or nil if somebody holds the lock.
  /// - Throws: Nothing; the type is the protocol's.
  public func tryAcquire() async throws(LockError) -> Lease? {
    self.core.tryAcquire()
  }

  /// Waits for the lock, in the order in which callers came.
  ///
  /// - Parameter timeout: The budget of the call; nil waits for ever, zero tries once.
  /// - Returns: The lease.
  /// - Throws: ``LockError`` with code ``LockError/Code/timedOut`` or ``LockError/Code/cancelled``.
  public func acquire(within timeout: Duration?) async throws(LockError) -> Lease {
    try await self.core.acquire(within: timeout)
  }

  /// Runs a body under the lock; see ``DistributedLock/withLock(within:isolation:_:)``.
  ///
  /// - Parameters:
  ///   - timeout: The budget for the wait; nil waits for ever, zero tries once.
  ///   - body: What to do under the lock.
  /// - Returns: What the body returned.
  /// - Throws: ``LockError`` from the wait, `CancellationError`, or the body's own error.
  @inlinable
  public func withLock<R>(
    within timeout: Duration? = nil,
    _ body: (HeldLock) async throws -> sending R
  ) async throws -> sending R {
    guard let entry = try self.core.enter() else {
      return try await self.core.acquireForBody(within: timeout).run(isolation: #isolation, body)
    }
    defer { self.core.abandon(entry.grant) }
    // Safe: the value came out of `body` as `sending`; nothing here keeps a reference to it.
    nonisolated(unsafe) let value = try await HoldMarker.storage.withValue(entry.marker) {
      try await body(entry.held)
    }
    return value
  }

  /// Runs a body under the lock, with the fencing token of the grant; see ``FencedLock/withLock(within:isolation:_:)``.
  ///
  /// - Parameters:
  ///   - timeout: The budget for the wait; nil waits for ever, zero tries once.
  ///   - body: What to do under the lock.
  /// - Returns: What the body returned.
  /// - Throws: ``LockError`` from the wait, `CancellationError`, or the body's own error.
  @inlinable
  public func withLock<R>(
    within timeout: Duration? = nil,
    _ body: (HeldLock, FencingToken) async throws -> sending R
  ) async throws -> sending R {
    try await self.withLock(within: timeout) { held in try await body(held, held.promisedToken()) }
  }
}

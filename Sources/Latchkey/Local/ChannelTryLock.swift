/// The try-lock made of a channel: a channel with one slot holds a token; to take the token is to hold the lock, and a
/// take that does not wait and finds the slot empty is the answer "busy".
///
/// Made for ``tryAcquire()`` and ``DistributedLock/withLockIfAvailable(isolation:_:)``; ``acquire(within:)`` receives from
/// the channel, in the order in which callers came. Two channels of one name from one ``LocalLocks`` are the same lock.
public struct ChannelTryLock: FencedLock {
  @usableFromInline let core: LocalLockCore

  init(core: LocalLockCore) {
    self.core = core
  }

  /// Makes a channel that nobody else can name: it excludes only users of this value and its copies.
  ///
  /// - Parameters:
  ///   - name: The name, for errors and logs.
  ///   - observability: What it tells of itself.
  /// - Throws: ``LockError`` with code ``LockError/Code/invalidName``.
  public init(_ name: String, observability: LockObservability = LockObservability()) throws(LockError) {
    self.core = LocalLockCore(
      name: try LockName(name),
      kind: .channel,
      instance: LocalLocks.nextInstance(),
      observability: observability
    )
  }

  /// The name that contenders agree on.
  public var name: LockName { self.core.name }

  /// `channel`, and the registry it belongs to.
  public var backend: LockBackend { self.core.backend }

  /// Takes the token if it is in the slot; never suspends.
  ///
  /// - Returns: The lease, or nil if the slot is empty.
  /// - Throws: Nothing; the type is the protocol's.
  public func tryAcquire() async throws(LockError) -> Lease? {
    self.core.tryAcquire()
  }

  /// Receives the token, in the order in which callers came.
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
}

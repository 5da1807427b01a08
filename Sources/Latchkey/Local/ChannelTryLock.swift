/// The try-lock made of a channel: a channel with one slot holds a token; to take the token is to hold the lock, and a
/// take that does not wait and finds the slot empty is the answer "busy".
///
/// Made for ``tryAcquire()`` and ``DistributedLock/withLockIfAvailable(isolation:_:)``; ``acquire(within:)`` receives from
/// the channel, in the order in which callers came. Two channels of one name from one ``LocalLocks`` are the same lock.
public struct ChannelTryLock: FencedLock {
  private let channel: ChannelLock

  init(_ channel: ChannelLock) {
    self.channel = channel
  }

  /// Makes a channel that nobody else can name: it excludes only users of this value and its copies.
  ///
  /// - Parameters:
  ///   - name: The name, for errors and logs.
  ///   - observability: What it tells of itself.
  public init(_ name: LockName, observability: LockObservability = LockObservability()) {
    self.channel = ChannelLock(
      name: name,
      instance: LocalLocks.nextInstance(),
      observability: observability
    )
  }

  /// The name that contenders agree on.
  public var name: LockName { self.channel.name }

  /// `channel`, and the registry it belongs to.
  public var backend: LockBackend { self.channel.backend }

  /// Takes the token if it is in the slot; never suspends.
  ///
  /// - Returns: The lease, or nil if the slot is empty.
  /// - Throws: Nothing; the type is the protocol's.
  public func tryAcquire() async throws(LockError) -> Lease? {
    self.channel.tryAcquire()
  }

  /// Receives the token, in the order in which callers came.
  ///
  /// - Parameter timeout: The budget of the call; nil waits for ever, zero tries once.
  /// - Returns: The lease.
  /// - Throws: ``LockError`` with code ``LockError/Code/timedOut`` or ``LockError/Code/cancelled``.
  public func acquire(within timeout: Duration?) async throws(LockError) -> Lease {
    try await self.channel.acquire(within: timeout)
  }
}

/// The gate before a resource behind a read-write lock, whose reads and writes suspend.
///
/// The rule is that of ``ReadWriteFenceState``. Check and access are one step: a write has the gate for itself until it has ended,
/// reads are made side by side, and whoever waits does so in line without blocking a thread. Where several processes use the
/// resource, the check belongs into the resource itself.
///
/// ```swift
/// let gate = AsyncReadWriteFenceGate()
/// try await gate.admitWrite(token) { try await store.replaceAll(["tea": 3], fencedBy: token) }
/// let price = try await gate.admitRead(other) { try await store.price(of: "tea") }
/// ```
public final class AsyncReadWriteFenceGate: Sendable {
  private let guarded: AsyncGuardedFence<ReadWriteFenceState>
  /// Who reads or writes, and who waits to.
  private let accesses = LocalReadWriteLock("fence gate", observability: .off)
  /// Of the readers, who is just being admitted.
  private let admission = LocalMutex("fence gate, admission", observability: .off)

  /// Makes a gate.
  ///
  /// - Parameters:
  ///   - state: What the gate knew when it was last stored; leave it out for a resource that nobody has used.
  ///   - remember: Stores the state. Called before the first access under a token that changes it; if it throws, neither is the
  ///     access made nor the token admitted, and the call throws its error. A gate without it forgets with its process.
  public init(
    _ state: ReadWriteFenceState = ReadWriteFenceState(),
    remember: (@Sendable (ReadWriteFenceState) async throws -> Void)? = nil
  ) {
    self.guarded = AsyncGuardedFence(state, remember: remember)
  }

  /// What the gate has seen so far.
  public var state: ReadWriteFenceState { self.guarded.state }

  /// Makes a write, unless a greater token of a reader or writer was seen before.
  ///
  /// - Parameters:
  ///   - token: The token of the grant under which the write is made.
  ///   - write: The write; it stays on the caller's actor. If it throws, its token stays admitted.
  /// - Returns: What the write returned.
  /// - Throws: ``StaleToken`` if a later holder came before; the write is not made then. `CancellationError` if the task was
  ///   cancelled before its turn, ``LockError/Code/wouldDeadlock`` if the write itself goes through the gate again. The errors of
  ///   `remember` and of the write pass through.
  public func admitWrite<R>(_ token: FencingToken, _ write: () async throws -> sending R) async throws -> sending R {
    try await self.accesses.writing.withLock { _ in
      try await self.guarded.admit { state throws(StaleToken) in try state.admitWrite(token) }
      return try await write()
    }
  }

  /// Makes a read, unless a greater token of a writer was seen before.
  ///
  /// - Parameters:
  ///   - token: The token of the grant under which the read is made.
  ///   - read: The read; it stays on the caller's actor.
  /// - Returns: What the read returned.
  /// - Throws: ``StaleToken`` if a later writer came before; the read is not made then. `CancellationError` if the task was cancelled
  ///   before its turn, ``LockError/Code/wouldDeadlock`` if the read itself goes through the gate again. The errors of `remember` and
  ///   of the read pass through.
  public func admitRead<R>(_ token: FencingToken, _ read: () async throws -> sending R) async throws -> sending R {
    try await self.accesses.reading.withLock { _ in
      try await self.admission.withLock { _ in
        try await self.guarded.admit { state throws(StaleToken) in try state.admitRead(token) }
      }
      return try await read()
    }
  }
}

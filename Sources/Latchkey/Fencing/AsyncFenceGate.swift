/// The gate before a resource whose writes suspend, such as one behind a connection of this process alone.
///
/// The rule is that of ``FenceGate``. Check and write are one step here too: a task that finds another one's write at work
/// waits in line until it has ended, without blocking a thread. Where several processes write to the resource, the check
/// belongs into the resource itself, for example into the same SQL statement as the write.
///
/// ```swift
/// let gate = AsyncFenceGate()
/// try await gate.admit(token) { try await store.put(order) }
/// ```
public final class AsyncFenceGate: Sendable {
  private let guarded: AsyncGuardedFence<FenceState>
  /// Who writes, and who waits to.
  private let line = LocalMutex("fence gate", observability: .off)

  /// Makes a gate.
  ///
  /// - Parameters:
  ///   - state: What the gate knew when it was last stored; leave it out for a resource that nobody has written to.
  ///   - remember: Stores the state. Called before the first write under each token; if it throws, neither is the write made
  ///     nor the token admitted, and ``admit(_:_:)`` throws its error. A gate without it forgets with its process.
  public init(_ state: FenceState = FenceState(), remember: (@Sendable (FenceState) async throws -> Void)? = nil) {
    self.guarded = AsyncGuardedFence(state, remember: remember)
  }

  /// What the gate has seen so far.
  public var state: FenceState { self.guarded.state }

  /// Makes a write, unless a greater token was seen before. Writes are made one after the other, in the order in which they
  /// came.
  ///
  /// - Parameters:
  ///   - token: The token of the grant under which the write is made.
  ///   - write: The write; it stays on the caller's actor. If it throws, its token stays admitted: whether the write took
  ///     place is then not known, and an earlier holder must not overwrite it.
  /// - Returns: What the write returned.
  /// - Throws: ``StaleToken`` if a later holder has already written; the write is not made then. `CancellationError` if the
  ///   task was cancelled before its turn, ``LockError/Code/wouldDeadlock`` if the write itself goes through the gate again.
  ///   The errors of `remember` and of the write pass through.
  public func admit<R>(_ token: FencingToken, _ write: () async throws -> sending R) async throws -> sending R {
    try await self.line.withLock { _ in
      try await self.guarded.admit { state throws(StaleToken) in try state.admit(token) }
      return try await write()
    }
  }
}

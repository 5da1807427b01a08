/// The gate before a resource behind a read-write lock: it refuses whoever has lost the lock to somebody it conflicts with.
///
/// The rule is that of ``ReadWriteFenceState``; all else is as with ``FenceGate``: one gate guards one resource, every access to the
/// resource has to pass it, and check and access are one step. Accesses are made one after the other, reads included; those that
/// suspend, or are long, go through ``AsyncReadWriteFenceGate``.
///
/// ```swift
/// let gate = ReadWriteFenceGate()
/// try gate.admitWrite(token) { try data.write(to: file) }
/// let text = try gate.admitRead(other) { try Data(contentsOf: file) }
/// ```
public final class ReadWriteFenceGate: Sendable {
  private let guarded: GuardedFence<ReadWriteFenceState>

  /// Makes a gate.
  ///
  /// - Parameters:
  ///   - state: What the gate knew when it was last stored; leave it out for a resource that nobody has used.
  ///   - remember: Stores the state. Called before the first access under a token that changes it; if it throws, neither is the
  ///     access made nor the token admitted, and the call throws its error. Must not use the gate. A gate without it forgets with its
  ///     process.
  public init(
    _ state: ReadWriteFenceState = ReadWriteFenceState(),
    remember: (@Sendable (ReadWriteFenceState) throws -> Void)? = nil
  ) {
    self.guarded = GuardedFence(state, remember: remember)
  }

  /// What the gate has seen so far.
  public var state: ReadWriteFenceState { self.guarded.state }

  /// Makes a write, unless a greater token of a reader or writer was seen before.
  ///
  /// - Parameters:
  ///   - token: The token of the grant under which the write is made.
  ///   - write: The write. Must not use the gate. If it throws, its token stays admitted.
  /// - Returns: What the write returned.
  /// - Throws: ``StaleToken`` if a later holder came before; the write is not made then. The errors of `remember` and of the write
  ///   pass through.
  public func admitWrite<R>(_ token: FencingToken, _ write: () throws -> sending R) throws -> sending R {
    try self.guarded.admit({ state throws(StaleToken) in try state.admitWrite(token) }, write)
  }

  /// Makes a read, unless a greater token of a writer was seen before.
  ///
  /// - Parameters:
  ///   - token: The token of the grant under which the read is made.
  ///   - read: The read. Must not use the gate.
  /// - Returns: What the read returned.
  /// - Throws: ``StaleToken`` if a later writer came before; the read is not made then. The errors of `remember` and of the read
  ///   pass through.
  public func admitRead<R>(_ token: FencingToken, _ read: () throws -> sending R) throws -> sending R {
    try self.guarded.admit({ state throws(StaleToken) in try state.admitRead(token) }, read)
  }
}

/// The gate before a resource: it lets a write through that carries a token at least as great as all before, and refuses the
/// others.
///
/// A lock alone cannot keep a holder from writing that was stopped for longer than its lease lasts and does not know it yet.
/// A gate can, because it is asked at the moment of the write: once a later holder has written, an earlier one is refused
/// (Kleppmann, *How to do distributed locking*, 2016). One gate guards one resource, and every write to the resource has to
/// pass it.
///
/// Check and write are one step: the gate stays closed for everybody else until the write has returned. Writes that suspend
/// go through ``AsyncFenceGate``.
///
/// ```swift
/// let gate = FenceGate()
/// try gate.admit(token) { try data.write(to: file) }
/// ```
public final class FenceGate: Sendable {
  private let guarded: GuardedFence<FenceState>

  /// Makes a gate.
  ///
  /// - Parameters:
  ///   - state: What the gate knew when it was last stored; leave it out for a resource that nobody has written to.
  ///   - remember: Stores the state. Called before the first write under each token; if it throws, neither is the write made
  ///     nor the token admitted, and ``admit(_:_:)`` throws its error. Must not use the gate. A gate without it forgets with
  ///     its process.
  public init(_ state: FenceState = FenceState(), remember: (@Sendable (FenceState) throws -> Void)? = nil) {
    self.guarded = GuardedFence(state, remember: remember)
  }

  /// What the gate has seen so far.
  public var state: FenceState { self.guarded.state }

  /// Makes a write, unless a greater token was seen before.
  ///
  /// Writes through one gate are made one after the other; a thread that finds another one writing waits for it, so keep the
  /// write short.
  ///
  /// - Parameters:
  ///   - token: The token of the grant under which the write is made.
  ///   - write: The write. Must not use the gate. If it throws, its token stays admitted: whether the write took place is
  ///     then not known, and an earlier holder must not overwrite it.
  /// - Returns: What the write returned.
  /// - Throws: ``StaleToken`` if a later holder has already written; the write is not made then. The errors of `remember` and
  ///   of the write pass through.
  public func admit<R>(_ token: FencingToken, _ write: () throws -> sending R) throws -> sending R {
    try self.guarded.admit({ state throws(StaleToken) in try state.admit(token) }, write)
  }
}

public import Latchkey
internal import LatchkeyPrimitives

/// A value that refuses writes whose fencing token is smaller than one it has seen: what a resource must do so that a holder
/// that does not know of its loss can do no harm. `FenceGate` of Latchkey is the same for a value kept elsewhere.
public final class ProtectedResource<Value: Sendable>: Sendable {
  private struct State {
    var value: Value
    var fence = FenceState()
  }

  private let state: Locked<State>

  /// Makes a resource that nobody has written to.
  ///
  /// - Parameter value: Its first value.
  public init(_ value: Value) {
    self.state = Locked(State(value: value))
  }

  /// The value.
  public var value: Value { self.state.withLock { $0.value } }

  /// The greatest token seen so far.
  package var newestToken: FencingToken? { self.state.withLock { $0.fence.newest } }

  /// Writes, if no greater token was seen before. One holder may write many times.
  ///
  /// - Parameters:
  ///   - value: What to write.
  ///   - token: The token of the grant under which the write is made.
  /// - Throws: `StaleToken` if a later holder has already written.
  public func write(_ value: Value, fencedBy token: FencingToken) throws(StaleToken) {
    try self.state.withLock { state throws(StaleToken) in
      try state.fence.admit(token)
      state.value = value
    }
  }
}

public import Latchkey

/// A value that refuses writes whose fencing token is smaller than one it has seen: what a resource must do so that a holder
/// that does not know of its loss can do no harm.
public final class ProtectedResource<Value: Sendable>: Sendable {
  /// A write that came too late.
  public struct StaleToken: Error, Sendable, Hashable {
    /// The token of the refused write.
    public let token: FencingToken
    /// The greatest token seen so far.
    public let newest: FencingToken
  }

  private struct State {
    var value: Value
    var newest: FencingToken?
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
  public var newestToken: FencingToken? { self.state.withLock { $0.newest } }

  /// Writes, if no greater token was seen before. One holder may write many times.
  ///
  /// - Parameters:
  ///   - value: What to write.
  ///   - token: The token of the grant under which the write is made.
  /// - Throws: ``StaleToken`` if a later holder has already written.
  public func write(_ value: Value, fencedBy token: FencingToken) throws(StaleToken) {
    let stale = self.state.withLock { state -> StaleToken? in
      if let newest = state.newest, token < newest { return StaleToken(token: token, newest: newest) }
      state.newest = token
      state.value = value
      return nil
    }
    if let stale { throw stale }
  }
}

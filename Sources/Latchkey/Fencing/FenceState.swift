/// What a resource remembers of fencing tokens: the greatest one it has seen.
///
/// Keep it where the resource keeps its data, and as durably: a resource that forgets it takes writes that it has refused
/// before. A value by itself for whatever is already guarded (an actor's property, a struct in a file); ``FenceGate`` and
/// ``AsyncFenceGate`` guard one for everything else.
///
/// ```swift
/// actor Account {
///   private var fence = FenceState()
///   private var balance = 0
///
///   func set(_ balance: Int, fencedBy token: FencingToken) throws {
///     try self.fence.admit(token)
///     self.balance = balance
///   }
/// }
/// ```
public struct FenceState: Codable, Hashable, Sendable {
  /// The greatest token that was admitted; nil if none was.
  public private(set) var newest: FencingToken?

  /// Starts from what was stored, or from nothing.
  ///
  /// - Parameter newest: The greatest token that the resource has seen; nil for a resource that nobody has written to.
  public init(newest: FencingToken? = nil) {
    self.newest = newest
  }

  /// Admits a token that is at least as great as every token before it. An equal one is the same holder again.
  ///
  /// The write has to follow before anybody else can admit a token: in an actor without an `await` between, in a database in
  /// the same transaction.
  ///
  /// - Parameter token: The token of the grant under which the write is made.
  /// - Throws: ``StaleToken`` if a greater token was admitted before; nothing has changed then.
  public mutating func admit(_ token: FencingToken) throws(StaleToken) {
    if let newest, token < newest { throw StaleToken(token: token, newest: newest) }
    self.newest = token
  }
}

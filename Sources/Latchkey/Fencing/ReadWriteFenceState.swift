/// What a resource behind a read-write lock remembers of fencing tokens: the greatest one of a writer, and the greatest one of a
/// reader.
///
/// A single number would not do. Readers hold the lock together, so the older of two is as lawful as the younger one. But a writer
/// that has lost the lock must not change what a later reader has read. A write is therefore admitted if no later writer and no
/// later reader came before it, a read if no later writer did.
///
/// Keep it where the resource keeps its data, and as durably, as a ``FenceState``. ``ReadWriteFenceGate`` and
/// ``AsyncReadWriteFenceGate`` guard one for whatever is not guarded already.
///
/// ```swift
/// actor Catalogue {
///   private var fence = ReadWriteFenceState()
///   private var prices: [String: Int] = [:]
///
///   func price(of item: String, fencedBy token: FencingToken) throws -> Int? {
///     try self.fence.admitRead(token)
///     return self.prices[item]
///   }
///
///   func set(_ price: Int, of item: String, fencedBy token: FencingToken) throws {
///     try self.fence.admitWrite(token)
///     self.prices[item] = price
///   }
/// }
/// ```
public struct ReadWriteFenceState: Codable, Hashable, Sendable {
  /// The greatest token of a write that was admitted; nil if none was.
  public private(set) var newestWrite: FencingToken?

  /// The greatest token of a read that was admitted; nil if none was.
  public private(set) var newestRead: FencingToken?

  /// Starts from what was stored, or from nothing.
  ///
  /// - Parameters:
  ///   - newestWrite: The greatest token of a writer that the resource has seen; nil if there was none.
  ///   - newestRead: The greatest token of a reader that the resource has seen; nil if there was none.
  public init(newestWrite: FencingToken? = nil, newestRead: FencingToken? = nil) {
    self.newestWrite = newestWrite
    self.newestRead = newestRead
  }

  /// Admits a write under a token that is at least as great as all tokens before it, of readers and of writers.
  ///
  /// The write has to follow before any other token is admitted, as for ``FenceState/admit(_:)``.
  ///
  /// - Parameter token: The token of the grant under which the write is made.
  /// - Throws: ``StaleToken`` if a greater token was admitted before; nothing has changed then.
  public mutating func admitWrite(_ token: FencingToken) throws(StaleToken) {
    try Self.check(token, isNotBefore: self.newestWrite)
    try Self.check(token, isNotBefore: self.newestRead)
    self.newestWrite = token
  }

  /// Admits a read under a token that is at least as great as those of all writes before it.
  ///
  /// The read has to follow before any write is admitted.
  ///
  /// - Parameter token: The token of the grant under which the read is made.
  /// - Throws: ``StaleToken`` if a write under a greater token was admitted before; nothing has changed then.
  public mutating func admitRead(_ token: FencingToken) throws(StaleToken) {
    try Self.check(token, isNotBefore: self.newestWrite)
    self.newestRead = self.newestRead.map { max($0, token) } ?? token
  }

  private static func check(_ token: FencingToken, isNotBefore newest: FencingToken?) throws(StaleToken) {
    if let newest, token < newest { throw StaleToken(token: token, newest: newest) }
  }
}

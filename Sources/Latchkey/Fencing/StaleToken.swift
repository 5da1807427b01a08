/// A write that came too late: a later holder of the lock has already written.
///
/// The holder that gets it has lost the lock, whether it was told or not. It must give up what it was doing: reading again,
/// and writing under a new grant, is safe; trying again with the same token is refused again.
public struct StaleToken: Error, Hashable, Sendable, CustomStringConvertible {
  /// The token of the refused write.
  public let token: FencingToken
  /// The greatest token that the resource has seen; nil if it does not tell, as a statement does not that only says how many rows
  /// it has changed.
  public let newest: FencingToken?

  /// Pairs a refused token with the one that it came after.
  ///
  /// - Parameters:
  ///   - token: The token of the refused write.
  ///   - newest: The greatest token that the resource has seen; nil if it does not tell.
  public init(token: FencingToken, newest: FencingToken? = nil) {
    self.token = token
    self.newest = newest
  }

  /// Both tokens, and what to do.
  public var description: String {
    "the write under token \(self.token) was refused, since one under \(self.newest.map { "token \($0)" } ?? "a later token") came before it: "
      + "the lock has been somebody else's meanwhile; acquire it again and start over from what is stored now"
  }
}

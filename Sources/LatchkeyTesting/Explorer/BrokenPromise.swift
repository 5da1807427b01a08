/// A promise that an ``ExplorationModel`` saw broken, in one sentence.
public struct BrokenPromise: Error, Hashable, CustomStringConvertible {
  /// What was promised and is not so.
  public let description: String

  /// Creates it.
  ///
  /// - Parameter description: What is wrong, in words that make sense at the end of a story.
  public init(_ description: String) {
    self.description = description
  }
}

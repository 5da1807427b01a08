/// A promise that an ``ExplorationModel`` saw broken, in one sentence.
package struct BrokenPromise: Error, Hashable, CustomStringConvertible {
  /// What was promised and is not so.
  package let description: String

  /// Creates it.
  ///
  /// - Parameter description: What is wrong, in words that make sense at the end of a story.
  package init(_ description: String) {
    self.description = description
  }
}

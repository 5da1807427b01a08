/// The words of one command, each any bytes.
public struct RedisCommand: Hashable, Sendable {
  /// The words, the command's name first.
  public var words: [[UInt8]]

  /// Makes a command of words that are text.
  ///
  /// - Parameter words: The words, the command's name first.
  public init(_ words: String...) { self.words = words.map { Array($0.utf8) } }

  /// Makes a command of words that are any bytes.
  ///
  /// - Parameter words: The words, the command's name first.
  public init(words: [[UInt8]]) { self.words = words }
}

/// A Lua script that servers carry out as one step, with the name they keep it under.
public struct RedisScript: Hashable, Sendable {
  /// The script's text.
  public let source: String

  /// The SHA-1 of the text in hexadecimal, by which `EVALSHA` names it.
  public let sha1: String

  private let textWord: [UInt8]
  private let nameWord: [UInt8]

  /// Makes a script. It hashes the text, so make it once and keep it.
  ///
  /// - Parameter source: The script's text.
  public init(_ source: String) {
    self.source = source
    self.textWord = Array(source.utf8)
    self.sha1 = SHA1.hexadecimal(of: self.textWord)
    self.nameWord = Array(self.sha1.utf8)
  }

  /// The command that runs the script by its name, which the server knows if it has run it before.
  ///
  /// - Parameters:
  ///   - keys: The keys that the script uses.
  ///   - arguments: Its other arguments.
  /// - Returns: An `EVALSHA`.
  public func shortCommand(keys: [[UInt8]], arguments: [[UInt8]]) -> RedisCommand {
    Self.command(Self.shortWord, self.nameWord, keys, arguments)
  }

  /// The command that runs the script by its text, after which the server knows its name.
  ///
  /// - Parameters:
  ///   - keys: The keys that the script uses.
  ///   - arguments: Its other arguments.
  /// - Returns: An `EVAL`.
  public func fullCommand(keys: [[UInt8]], arguments: [[UInt8]]) -> RedisCommand {
    Self.command(Self.fullWord, self.textWord, keys, arguments)
  }

  private static let shortWord = Array("EVALSHA".utf8)
  private static let fullWord = Array("EVAL".utf8)

  private static func command(
    _ name: [UInt8],
    _ script: [UInt8],
    _ keys: [[UInt8]],
    _ arguments: [[UInt8]]
  ) -> RedisCommand {
    var words: [[UInt8]] = []
    words.reserveCapacity(3 + keys.count + arguments.count)
    words.append(name)
    words.append(script)
    words.append(Array(String(keys.count).utf8))
    words += keys
    words += arguments
    return RedisCommand(words: words)
  }
}

extension RedisError {
  /// Whether the server does not know a script by its name, and has therefore done nothing.
  package var isUnknownScript: Bool { self.code == .server && self.message.hasPrefix("NOSCRIPT") }
}

extension RedisExecutor {
  /// Runs a script: by its name, and by its text if the server does not know it.
  ///
  /// - Parameters:
  ///   - script: The script.
  ///   - keys: The keys that it uses.
  ///   - arguments: Its other arguments.
  /// - Returns: What the script returned.
  /// - Throws: ``RedisError``.
  public func evaluate(
    _ script: RedisScript,
    keys: [[UInt8]],
    arguments: [[UInt8]] = []
  ) async throws(RedisError) -> RedisValue {
    do throws(RedisError) {
      return try await self.send(script.shortCommand(keys: keys, arguments: arguments))
    } catch {
      guard error.isUnknownScript else { throw error }
      return try await self.send(script.fullCommand(keys: keys, arguments: arguments))
    }
  }
}

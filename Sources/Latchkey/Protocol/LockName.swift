/// A name that contenders for a lock agree on.
///
/// 1 to 512 bytes of UTF-8 without control characters. `/` separates parts; no part is empty, `.` or `..`, so every backend
/// can map a name without two names meeting. The rules are checked at construction: a `LockName` that exists is valid.
public struct LockName: Hashable, Sendable, CustomStringConvertible {
  /// The longest name, in bytes of UTF-8.
  public static let maximumLength = 512

  /// The name as it was given.
  public let rawValue: String

  /// Checks and wraps a name.
  ///
  /// - Parameter name: 1 to 512 bytes of UTF-8; parts separated by `/`.
  /// - Throws: ``LockError`` with code ``LockError/Code/invalidName`` and the rule that was broken.
  public init(_ name: String) throws(LockError) {
    if let problem = Self.problem(with: name) {
      throw LockError(
        .invalidName,
        message: "\(problem); choose a name of 1 to \(Self.maximumLength) bytes, such as \"orders/42\""
      )
    }
    self.rawValue = name
  }

  /// The name itself.
  public var description: String { self.rawValue }

  private static func problem(with name: String) -> String? {
    if name.isEmpty { return "the lock name is empty" }
    let length = name.utf8.count
    if length > Self.maximumLength { return "the lock name is \(length) bytes long" }
    for scalar in name.unicodeScalars where scalar.properties.generalCategory == .control {
      let hex = String(scalar.value, radix: 16, uppercase: true)
      return "the lock name holds the control character U+\(String(repeating: "0", count: max(0, 4 - hex.count)))\(hex)"
    }
    for part in name.split(separator: "/", omittingEmptySubsequences: false) {
      switch part {
      case "": return "the lock name \"\(name)\" has an empty part (a leading, trailing or doubled \"/\")"
      case ".", "..": return "the lock name \"\(name)\" has the part \"\(part)\""
      default: continue
      }
    }
    return nil
  }
}

/// A name that contenders for a lock agree on.
///
/// 1 to 512 bytes of UTF-8 without control characters. `/` separates parts; no part is empty, `.` or `..`, so every backend
/// can map a name without two names meeting. The rules are checked at construction: a `LockName` that exists is valid.
///
/// A string literal in the source is a name: `locks.lock("orders/42")`. All other text, string interpolation included, becomes
/// a name by the throwing ``init(_:)``.
public struct LockName: Hashable, Sendable, CustomStringConvertible {
  /// The longest name, in bytes of UTF-8.
  public static let maximumLength = 512

  /// The name as it was given.
  public let rawValue: String

  /// Checks and wraps a name that is no literal, such as `try LockName("orders/\(number)")`.
  ///
  /// - Parameter name: 1 to 512 bytes of UTF-8; parts separated by `/`.
  /// - Throws: ``LockError`` with code ``LockError/Code/invalidName`` and the rule that was broken.
  public init(_ name: String) throws(LockError) {
    if let problem = Self.problem(with: name) {
      throw LockError(.invalidName, message: "\(problem); \(Self.advice)")
    }
    self.rawValue = name
  }

  /// Names are equal if their bytes are: backends know nothing of canonical equivalence, by which Swift compares strings.
  public static func == (left: LockName, right: LockName) -> Bool {
    left.rawValue.utf8.elementsEqual(right.rawValue.utf8)
  }

  /// Hashes the bytes.
  public func hash(into hasher: inout Hasher) {
    let utf8 = self.rawValue.utf8
    if utf8.withContiguousStorageIfAvailable({ hasher.combine(bytes: UnsafeRawBufferPointer($0)) }) == nil {
      Array(utf8).withUnsafeBytes { hasher.combine(bytes: $0) }
    }
    // No byte of UTF-8: a name that is followed by something else in the same hash ends here.
    hasher.combine(0xFF as UInt8)
  }

  /// Wraps a text that is known to keep the rules.
  init(valid name: String) {
    assert(Self.problem(with: name) == nil, "a name of the library's own breaks a rule")
    self.rawValue = name
  }

  /// The name itself.
  public var description: String { self.rawValue }

  private static let advice = "choose a name of 1 to \(Self.maximumLength) bytes, such as \"orders/42\""

  /// Which rule a text breaks as a name, if it does.
  ///
  /// - Parameter quotesName: Whether the name may be shown; not where it may be a piece of a password.
  static func problem(with name: String, quotesName: Bool = true) -> String? {
    let quoted = quotesName ? " \"\(name)\"" : ""
    if name.isEmpty { return "the lock name is empty" }
    let length = name.utf8.count
    if length > Self.maximumLength {
      return "the lock name is \(length) bytes long, more than \(Self.maximumLength)"
    }
    for scalar in name.unicodeScalars where scalar.properties.generalCategory == .control {
      let hex = String(scalar.value, radix: 16, uppercase: true)
      return "the lock name holds the control character U+\(String(repeating: "0", count: max(0, 4 - hex.count)))\(hex)"
    }
    // By scalars, as backends see it: a slash with a combining mark behind it is one `Character`, and yet a separator.
    for part in name.unicodeScalars.split(separator: "/", omittingEmptySubsequences: false) {
      if part.isEmpty { return "the lock name\(quoted) has an empty part (a leading, trailing or doubled \"/\")" }
      if part.elementsEqual("..".unicodeScalars) || part.elementsEqual(".".unicodeScalars) {
        return "the lock name\(quoted) has the part \"\(String(part))\""
      }
    }
    return nil
  }
}

extension LockName: ExpressibleByStringLiteral {
  /// Makes a name of a literal in the source.
  ///
  /// A literal that breaks a rule is a mistake in the program: it ends the process, in optimized builds too, with a message
  /// that names the literal and the rule. For names that are not known when the program is written, there is ``init(_:)``.
  ///
  /// - Parameter name: 1 to 512 bytes of UTF-8; parts separated by `/`.
  public init(stringLiteral name: String) {
    if let problem = Self.problem(with: name) {
      fatalError("the literal \(name.debugDescription) is not the name of a lock: \(problem); \(Self.advice)")
    }
    self.rawValue = name
  }
}

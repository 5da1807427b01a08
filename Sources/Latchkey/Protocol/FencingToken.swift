/// A number that grows with every grant of a lock.
///
/// Pass it along with every write to the resource that the lock protects, and let the resource refuse a write whose token is
/// smaller than one it has seen: that protects against everything a deadline cannot (Kleppmann, *How to do distributed
/// locking*, 2016). Compared by `major`, then by `minor`.
public struct FencingToken: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The backend's number of the grant: ZooKeeper's czxid, etcd's create revision, a counter for in-process locks.
  public let major: UInt64

  /// The number of the local grant within a tenure; 0 outside a tenure.
  public let minor: UInt64

  /// Makes a token from its two parts.
  ///
  /// - Parameters:
  ///   - major: The backend's number of the grant.
  ///   - minor: The number of the local grant within a tenure.
  public init(major: UInt64, minor: UInt64 = 0) {
    self.major = major
    self.minor = minor
  }

  /// Whether the left token was granted before the right one.
  public static func < (left: FencingToken, right: FencingToken) -> Bool {
    (left.major, left.minor) < (right.major, right.minor)
  }

  /// `major`, or `major.minor` where minor is not 0: the one form in which a token is written, for people and for programs.
  public var description: String { self.minor == 0 ? "\(self.major)" : "\(self.major).\(self.minor)" }
}

extension FencingToken: LosslessStringConvertible {
  /// Reads a token back.
  ///
  /// - Parameter description: `major` or `major.minor` in decimal digits, as ``description`` writes them, or with a minor of 0;
  ///   anything else gives nil.
  public init?(_ description: String) {
    let parts = description.split(separator: ".", omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count), parts.allSatisfy({ part in part.utf8.allSatisfy { (48...57).contains($0) } }),
      let major = UInt64(parts[0]), let minor = parts.count == 1 ? 0 : UInt64(parts[1])
    else { return nil }
    self.init(major: major, minor: minor)
  }
}

extension FencingToken: Codable {
  /// Reads a token from its text.
  ///
  /// - Throws: `DecodingError` if the text is no token.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let token = FencingToken(text) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "\"\(text)\" is no fencing token")
    }
    self = token
  }

  /// Writes ``description``: text, since many readers of JSON keep only 53 bits of a number.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(self.description)
  }
}

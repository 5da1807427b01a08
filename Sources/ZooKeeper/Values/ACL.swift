/// One entry of a node's access control list: who may do what.
public struct ACL: Hashable, Sendable {
  /// What an entry allows.
  public struct Permissions: OptionSet, Hashable, Sendable {
    /// The bits, as the protocol has them.
    public let rawValue: Int32

    /// Wraps bits.
    ///
    /// - Parameter rawValue: The bits, as the protocol has them.
    public init(rawValue: Int32) {
      self.rawValue = rawValue
    }

    /// Read the data and list the children.
    public static let read = Permissions(rawValue: 1)
    /// Write the data.
    public static let write = Permissions(rawValue: 2)
    /// Create children.
    public static let create = Permissions(rawValue: 4)
    /// Delete children.
    public static let delete = Permissions(rawValue: 8)
    /// Change the access control list.
    public static let admin = Permissions(rawValue: 16)
    /// Everything.
    public static let all: Permissions = [.read, .write, .create, .delete, .admin]
  }

  /// What is allowed.
  public var permissions: Permissions
  /// How the identity is to be understood: `world`, `auth`, `digest`, `ip`, …
  public var scheme: String
  /// Who, in the scheme's own terms.
  public var id: String

  /// Makes an entry.
  ///
  /// - Parameters:
  ///   - permissions: What is allowed.
  ///   - scheme: How the identity is to be understood.
  ///   - id: Who.
  public init(_ permissions: Permissions, scheme: String, id: String) {
    self.permissions = permissions
    self.scheme = scheme
    self.id = id
  }

  /// Everybody.
  ///
  /// - Parameter permissions: What is allowed.
  /// - Returns: The entry.
  public static func world(_ permissions: Permissions) -> ACL { ACL(permissions, scheme: "world", id: "anyone") }

  /// Whoever this client has authenticated as; needs credentials.
  ///
  /// - Parameter permissions: What is allowed.
  /// - Returns: The entry.
  public static func creator(_ permissions: Permissions) -> ACL { ACL(permissions, scheme: "auth", id: "") }
}

extension [ACL] {
  /// Everybody may do everything: ZooKeeper's default.
  public static let open: [ACL] = [.world(.all)]
  /// Whoever created the node may do everything, nobody else anything; needs credentials.
  public static let creatorAll: [ACL] = [.creator(.all)]
  /// Everybody may read.
  public static let readOnly: [ACL] = [.world(.read)]
}

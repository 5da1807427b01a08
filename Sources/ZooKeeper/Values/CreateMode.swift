internal import CZooKeeper

/// How long a new node lives and how it is named.
public enum CreateMode: Hashable, Sendable {
  /// Until it is deleted.
  case persistent
  /// Until it is deleted; the server appends a number that grows with every child of the parent.
  case persistentSequential
  /// Until the session ends.
  case ephemeral
  /// Until the session ends; the server appends a number that grows with every child of the parent.
  case ephemeralSequential
  /// Until some time after its last child is gone.
  case container
  /// Until it has had no children and no change for a while. The server must have extended types switched on.
  case persistentTTL(Duration)
  /// As ``persistentTTL(_:)``, with a number appended.
  case persistentSequentialTTL(Duration)

  var rawValue: Int32 {
    switch self {
    case .persistent: Int32(CZK_PERSISTENT)
    case .persistentSequential: Int32(CZK_PERSISTENT_SEQUENTIAL)
    case .ephemeral: Int32(CZK_EPHEMERAL)
    case .ephemeralSequential: Int32(CZK_EPHEMERAL_SEQUENTIAL)
    case .container: Int32(CZK_CONTAINER)
    case .persistentTTL: Int32(CZK_PERSISTENT_TTL)
    case .persistentSequentialTTL: Int32(CZK_PERSISTENT_SEQUENTIAL_TTL)
    }
  }

  var ttl: Duration? {
    switch self {
    case .persistentTTL(let ttl), .persistentSequentialTTL(let ttl): ttl
    default: nil
    }
  }

  /// Whether the server appends a number.
  public var isSequential: Bool {
    switch self {
    case .persistentSequential, .ephemeralSequential, .persistentSequentialTTL: true
    default: false
    }
  }
  /// Whether the node goes with the session.
  var isEphemeral: Bool {
    switch self {
    case .ephemeral, .ephemeralSequential: true
    default: false
    }
  }
}

internal import CZooKeeper

/// A result code: ZooKeeper's own number, or one of this client's (below -1000).
public struct ZooKeeperCode: RawRepresentable, Hashable, Sendable {
  /// The number, as the protocol has it.
  public let rawValue: Int32

  /// Wraps a number.
  ///
  /// - Parameter rawValue: The number, as the protocol has it.
  public init(rawValue: Int32) {
    self.rawValue = rawValue
  }

  /// Success.
  public static let ok = ZooKeeperCode(rawValue: 0)
  /// Something failed in the C client or the operating system.
  public static let systemError = ZooKeeperCode(rawValue: -1)
  /// A request of a transaction was not tried because an earlier one failed, or a reply came out of order.
  public static let runtimeInconsistency = ZooKeeperCode(rawValue: -2)
  /// The connection broke before the answer came: the request may have been carried out.
  public static let connectionLoss = ZooKeeperCode(rawValue: -4)
  /// The server does not know the request.
  public static let unimplemented = ZooKeeperCode(rawValue: -6)
  /// The server was silent for too long: the request may have been carried out.
  public static let operationTimeout = ZooKeeperCode(rawValue: -7)
  /// An argument is not valid.
  public static let badArguments = ZooKeeperCode(rawValue: -8)
  /// The session is not in a state for the request.
  public static let invalidState = ZooKeeperCode(rawValue: -9)
  /// The node does not exist.
  public static let noNode = ZooKeeperCode(rawValue: -101)
  /// The access control list does not allow it.
  public static let noAuth = ZooKeeperCode(rawValue: -102)
  /// The node has another version than the one given.
  public static let badVersion = ZooKeeperCode(rawValue: -103)
  /// An ephemeral node cannot have children.
  public static let noChildrenForEphemerals = ZooKeeperCode(rawValue: -108)
  /// The node exists already.
  public static let nodeExists = ZooKeeperCode(rawValue: -110)
  /// The node has children.
  public static let notEmpty = ZooKeeperCode(rawValue: -111)
  /// The session has expired: its ephemeral nodes and watches are gone.
  public static let sessionExpired = ZooKeeperCode(rawValue: -112)
  /// The access control list is not valid.
  public static let invalidACL = ZooKeeperCode(rawValue: -114)
  /// The server refused the credentials.
  public static let authFailed = ZooKeeperCode(rawValue: -115)
  /// The client is closed.
  public static let closed = ZooKeeperCode(rawValue: -116)
  /// The session has moved to another server and the request came over the old one.
  public static let sessionMoved = ZooKeeperCode(rawValue: -118)
  /// The server refused the request because of its load.
  public static let throttled = ZooKeeperCode(rawValue: -127)

  /// The waiting task was cancelled; the request may still be carried out.
  public static let cancelled = ZooKeeperCode(rawValue: -1001)
  /// The configuration is not valid.
  public static let invalidConfiguration = ZooKeeperCode(rawValue: -1002)
  /// The installed C client cannot do it.
  public static let notSupported = ZooKeeperCode(rawValue: -1003)
  /// The session has as many watches or ephemeral nodes as one session can have.
  public static let tooManyWatches = ZooKeeperCode(rawValue: -1004)
  /// The client is not running, so that there is no session.
  public static let notRunning = ZooKeeperCode(rawValue: -1005)
}

extension ZooKeeperCode: CustomStringConvertible {
  /// A short text.
  public var description: String {
    switch self {
    case .cancelled: "cancelled"
    case .invalidConfiguration: "invalid configuration"
    case .notSupported: "not supported"
    case .closed: "the client is closed"
    case .tooManyWatches: "too many watches or ephemeral nodes for one session"
    case .notRunning: "the client is not running"
    default: String(cString: czk_describe(self.rawValue))
    }
  }

  /// Whether the request may or may not have been carried out.
  package var isInDoubt: Bool {
    self == .connectionLoss || self == .operationTimeout || self == .runtimeInconsistency
  }
}

extension Result where Failure == ZooKeeperError {
  /// `ok`, or the error's code.
  package var code: ZooKeeperCode {
    switch self {
    case .success: .ok
    case .failure(let error): error.code
    }
  }
}

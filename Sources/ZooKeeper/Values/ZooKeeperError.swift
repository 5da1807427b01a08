/// What went wrong with a request or with the client: a code for programs, a message for people.
public struct ZooKeeperError: Error, Hashable, Sendable {
  /// The kind of failure.
  public var code: ZooKeeperCode
  /// What was tried, such as `create`.
  public var operation: String
  /// The node, where one was meant.
  public var path: String?
  /// What is known beyond the code. Holds no credential.
  public var detail: String?
  /// Whether nothing was sent, because there was no connection.
  package internal(set) var isUnsent = false

  /// Makes an error.
  ///
  /// - Parameters:
  ///   - code: The kind of failure.
  ///   - operation: What was tried.
  ///   - path: The node, where one was meant.
  ///   - detail: What is known beyond the code.
  public init(_ code: ZooKeeperCode, operation: String, path: String? = nil, detail: String? = nil) {
    self.code = code
    self.operation = operation
    self.path = path
    self.detail = detail
  }

  /// One sentence: what happened and what to do next.
  public var message: String {
    let cause = self.detail ?? self.code.description
    guard let remedy = self.remedy else { return cause }
    return "\(cause); \(remedy)"
  }

  private var remedy: String? {
    switch self.code {
    case .connectionLoss where self.isUnsent: "check the servers' addresses and that they run"
    case .connectionLoss, .operationTimeout:
      "the request may or may not have been carried out: read before you repeat it"
    case .sessionExpired:
      "ephemeral nodes and watches are gone: make them again on the new session, which the client opens by itself"
    case .noNode: "create the node or its parents first"
    case .noAuth: "add credentials that the node's access control list allows"
    case .badVersion: "read the node again and repeat with its version"
    case .notEmpty: "delete the children first"
    case .unimplemented: "the server is too old or has the feature switched off"
    case .closed: "make a new client"
    case .authFailed: "check the scheme and the credential; the client is closed"
    case .throttled: "repeat the request later"
    case .tooManyWatches: "spread the locks, watches and ephemeral nodes over several clients"
    case .notRunning: "add the client to the service group, or use withClient"
    default: nil
    }
  }
}

extension ZooKeeperError: CustomStringConvertible {
  /// One line: the operation, the path, the message.
  public var description: String {
    let subject = self.path.map { "\(self.operation) \($0)" } ?? self.operation
    return "\(subject): \(self.message)"
  }
}

extension ZooKeeperCode {
  /// Lets a `catch` name the code: `catch ZooKeeperCode.noNode { … }`.
  ///
  /// - Parameters:
  ///   - code: The code to look for.
  ///   - error: Any error.
  /// - Returns: Whether the error is a ``ZooKeeperError`` with that code.
  public static func ~= (code: ZooKeeperCode, error: any Error) -> Bool { (error as? ZooKeeperError)?.code == code }
}

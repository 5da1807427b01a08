#if Etcd
package import LatchkeyNetwork

/// What went wrong between a client and an etcd cluster.
public struct EtcdError: Error, Hashable, Sendable {
  /// The kind of failure. New kinds may be added, so a `switch` needs a `default`.
  public struct Code: Hashable, Sendable, CustomStringConvertible {
    fileprivate enum Value: String, Sendable {
      case unreachable, timedOut, notAuthorized, leaseNotFound, compacted, cancelled, closed, invalidConfiguration
      case refused
    }

    fileprivate let value: Value

    /// No member could be reached, or the member has no leader: nobody knows what became of the request.
    public static let unreachable = Code(value: .unreachable)
    /// No answer came in time: nobody knows what became of the request.
    public static let timedOut = Code(value: .timedOut)
    /// The user or password is wrong, there is none where one is needed, or the user may not do this.
    public static let notAuthorized = Code(value: .notAuthorized)
    /// The lease is over: it expired, or somebody revoked it.
    public static let leaseNotFound = Code(value: .leaseNotFound)
    /// The revision that was asked for has been compacted away.
    public static let compacted = Code(value: .compacted)
    /// The calling task was cancelled.
    public static let cancelled = Code(value: .cancelled)
    /// The client was closed.
    public static let closed = Code(value: .closed)
    /// The configuration cannot work, or contradicts itself.
    public static let invalidConfiguration = Code(value: .invalidConfiguration)
    /// The cluster refused the request for another reason; see the message.
    public static let refused = Code(value: .refused)

    /// The code's name, as in the source.
    public var description: String { self.value.rawValue }
  }

  /// The kind of failure.
  public var code: Code
  /// What happened, and where it is known what to do about it. Holds no password.
  public var message: String
  /// What keeps both ends from a connection, where it is known.
  package var trouble: ConnectFailureReason?
  /// Whether no part of the request left this process, so that the servers cannot have carried it out.
  var isUnsent = false
  /// Whether the servers rejected the request before they carried out any part of it. Any other error answer proves nothing:
  /// a member that reaches its space quota carries a transaction out and then answers with an error.
  var provesRejection = false
  /// Whether the servers refuse the request because of their present state, so that the same request can succeed later.
  package var isTransient = false
  /// Whether the two ends disagree in a way that does not mend by itself, at each endpoint: waiting is of no use.
  var isLasting = false

  /// Makes an error.
  ///
  /// - Parameters:
  ///   - code: The kind of failure.
  ///   - message: What happened.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// Whether the same request can succeed later, as far as can be known.
  var mayPass: Bool { (self.isInDoubt || self.isTransient) && !self.isLasting }

  /// Whether the fate of the request is unknown: a copy of it may be carried out at any time.
  var isInDoubt: Bool { self.code == .unreachable || self.code == .timedOut }
}

extension EtcdError: CustomStringConvertible {
  /// The message, behind the code.
  public var description: String {
    let advice = self.trouble.map { "; \($0.advice)" } ?? ""
    return "etcd: \(self.message)\(advice) (\(self.code))"
  }
}
#endif

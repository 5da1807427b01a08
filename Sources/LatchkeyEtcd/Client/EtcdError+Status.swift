#if Etcd
extension EtcdError {
  /// What the end of a call means. The texts are the server's own; where a code says enough, they are not looked at.
  init(_ status: CallStatus, endpoint: EtcdEndpoint) {
    let text = "\(endpoint): \(status.message)\(Self.advice(status.message))"
    switch status.code {
    case .failedPrecondition where Self.speaksOfMember(status.message): self.init(.unreachable, text)
    case .unavailable, .aborted, .internalError, .unknown, .dataLoss: self.init(.unreachable, text)
    case .deadlineExceeded, .cancelled: self.init(.timedOut, text)
    case .unauthenticated, .permissionDenied: self.init(.notAuthorized, text)
    case .outOfRange: self.init(.compacted, text)
    case .notFound where status.message.contains("lease not found"): self.init(.leaseNotFound, text)
    case .invalidArgument where Self.speaksOfUsers(status.message): self.init(.notAuthorized, text)
    default: self.init(.refused, text)
    }
    switch status.code {
    case .invalidArgument, .permissionDenied, .unauthenticated: self.provesRejection = true
    case .resourceExhausted:
      self.isTransient = Self.speaksOfLoad(status.message)
      // Rejected before it is proposed. A transaction that is refused for lack of space may have been written.
      self.provesRejection = status.message.contains("too many requests")
    case .unavailable, .failedPrecondition: self.provesRejection = Self.speaksOfMember(status.message)
    default: break
    }
  }

  /// Answers of a member that cannot serve this request while others can: a learner, or one that has lost its leadership or does not
  /// know the cluster yet. The code is `unavailable` up to 3.5 and `failedPrecondition` since.
  private static func speaksOfMember(_ message: String) -> Bool {
    ["for learner", "not leader", "not capable", "cluster version not found"].contains { message.contains($0) }
  }

  /// What to do about it, where the servers' words need it.
  private static func advice(_ message: String) -> String {
    guard message.contains("database space exceeded") else { return "" }
    return "; the store is full: etcdctl compact, etcdctl defrag, then: etcdctl alarm disarm"
  }

  /// The servers' words for a backlog of proposals and for a used-up space quota. The same code also stands for a message
  /// that is too large, which stays so.
  private static func speaksOfLoad(_ message: String) -> Bool {
    ["too many requests", "database space exceeded"].contains { message.contains($0) }
  }

  /// The server has no code of its own for these.
  private static func speaksOfUsers(_ message: String) -> Bool {
    ["authentication failed", "user name is empty", "auth store is old"].contains { message.contains($0) }
  }

  /// Whether a new token may help: the present one has expired, or users and roles have changed since it was given out.
  var asksForNewToken: Bool {
    self.code == .notAuthorized
      && (self.message.contains("invalid auth token") || self.message.contains("auth store is old"))
  }
}
#endif

#if Etcd
extension EtcdError {
  /// What the end of a call means. The texts are the server's own; where a code says enough, they are not looked at.
  init(_ status: CallStatus, endpoint: EtcdEndpoint) {
    let text = "\(endpoint): \(status.message)"
    switch status.code {
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
    case .resourceExhausted: self.isTransient = Self.speaksOfLoad(status.message)
    default: break
    }
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

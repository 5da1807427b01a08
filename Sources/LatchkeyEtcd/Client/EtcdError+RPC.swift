#if Etcd
internal import GRPCCore

extension EtcdError {
  /// What an error of a call means. The texts are the server's own (`rpctypes/error.go`); where a code says enough, they are
  /// not looked at.
  init(_ error: any Error, endpoint: EtcdEndpoint) {
    switch error {
    case let error as EtcdError: self = error
    case is CancellationError: self = EtcdError(.cancelled, "the call was cancelled")
    case let error as RPCError: self.init(error.code, Self.text(of: error), endpoint: endpoint)
    default: self = EtcdError(.unreachable, "\(endpoint): \(error)")
    }
  }

  init(_ code: RPCError.Code, _ message: String, endpoint: EtcdEndpoint) {
    let text = "\(endpoint): \(message)"
    switch code {
    case .unavailable, .aborted, .internalError, .unknown: self.init(.unreachable, text)
    case .deadlineExceeded, .cancelled: self.init(.timedOut, text)
    case .unauthenticated, .permissionDenied: self.init(.notAuthorized, text)
    case .outOfRange: self.init(.compacted, text)
    case .notFound where message.contains("lease not found"): self.init(.leaseNotFound, text)
    case .invalidArgument
    where message.contains("authentication failed") || message.contains("user name is empty")
      || message.contains("auth store is old"):
      self.init(.notAuthorized, text)
    default: self.init(.refused, text)
    }
  }

  /// Whether a new token may help: the present one has expired, or users and roles have changed since it was given out.
  var asksForNewToken: Bool {
    self.code == .notAuthorized
      && (self.message.contains("invalid auth token") || self.message.contains("auth store is old"))
  }

  private static func text(of error: RPCError) -> String {
    guard let cause = error.cause else { return error.message }
    return "\(error.message) (\(cause))"
  }
}
#endif

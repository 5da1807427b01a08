internal import Latchkey
internal import LatchkeyNetwork

/// What a client's failure to connect means, in words that all backends share: what happened and then, once, what to do about it.
enum ConnectFailure {
  /// No server could be reached, or none that both ends agree with.
  ///
  /// - Parameters:
  ///   - what: What happened.
  ///   - trouble: What keeps the two ends from a connection, if that is known.
  static func unreachable(_ what: String, _ trouble: ConnectFailureReason? = nil) -> LockError {
    LockError(.unreachable, message: self.join(what, self.remedy(trouble ?? .unreachable)))
  }

  /// The server refuses the user.
  static func notAuthorized(_ what: String) -> LockError {
    LockError(.notAuthorized, message: self.join(what, "check user and password (LATCHKEY_PASSWORD, --password-file)"))
  }

  /// As ``ConnectFailureReason/advice``, in terms of what this command calls things.
  private static func remedy(_ trouble: ConnectFailureReason) -> String {
    switch trouble {
    case .unreachable: "check the addresses, and that the servers run"
    case .serverNotTrusted: "name the file of the authority that signed it with --ca-file"
    case .serverNamedOtherwise:
      "write a name or an address in the URL that stands in it, or give the name with --server-name"
    case .clientNotAccepted: "give one that it accepts with --cert-file and --key-file"
    case .serverWithoutTLS: "write its TLS port, or a URL without TLS (redis, redlock, etcd)"
    case .speaksOtherwise(.tls): "write rediss, redlocks or etcds"
    case .speaksOtherwise: "check host and port: another kind of server listens there"
    case .turnedAway, .serverTooOld: trouble.advice
    case .hungUp(encrypted: false):
      "check the addresses, or write rediss, redlocks or etcds if it speaks TLS on this port"
    case .hungUp(encrypted: true):
      "check the addresses, or give a certificate with --cert-file and --key-file if it asks for one"
    }
  }

  private static func join(_ what: String, _ remedy: String) -> String {
    "\(what.last == "." ? what.dropLast() : what[...]); \(remedy)"
  }
}

/// Why a client gets no connection: no server answers, or the two ends disagree.
package enum ConnectFailureReason: Hashable, Sendable {
  /// Nobody answers at the address.
  case unreachable
  /// No authority that we believe vouches for the server.
  case serverNotTrusted
  /// The server's certificate names others than the host that we asked for.
  case serverNamedOtherwise
  /// The server wants a certificate of us, or does not take ours.
  case clientNotAccepted
  /// What came back is not TLS.
  case serverWithoutTLS
  /// The server offers no version of TLS that we take.
  case serverTooOld
  /// The server hung up before it had said anything.
  case hungUp(encrypted: Bool)
  /// The server has answered that it does not take the connection; `isFull` if it has as many as it may have.
  case turnedAway(isFull: Bool)
  /// What came back is not the protocol that we speak.
  case speaksOtherwise(SniffedProtocol)

  /// The meaning of an error of the TLS library; nil if it is none of these.
  ///
  /// The library tells its reasons as text alone, so they are looked for in there.
  package init?(_ error: any Error) {
    let text = String(describing: error)
    func has(_ words: String...) -> Bool { words.contains { text.contains($0) } }
    if has("failedToValidateHostname") {
      self = .serverNamedOtherwise
    } else if has("CERTIFICATE_VERIFY_FAILED", "unableToValidateCertificate") {
      self = .serverNotTrusted
    } else if has("CERTIFICATE_REQUIRED", "ALERT_BAD_CERTIFICATE", "ALERT_UNKNOWN_CA", "ALERT_CERTIFICATE")
      || has("ALERT_HANDSHAKE_FAILURE", "ALERT_UNSUPPORTED_CERTIFICATE")
    {
      self = .clientNotAccepted
    } else if has("ALERT_PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL") {
      self = .serverTooOld
    } else if has("WRONG_VERSION_NUMBER") {
      self = .serverWithoutTLS
    } else if has("EOF during handshake", "eofDuringHandshake") {
      self = .hungUp(encrypted: true)
    } else {
      return nil
    }
  }

  /// Whether it stays so until somebody changes how one of the two ends is set up.
  package var isLasting: Bool {
    switch self {
    case .serverNotTrusted, .serverNamedOtherwise, .clientNotAccepted, .serverWithoutTLS, .serverTooOld: true
    case .speaksOtherwise(let greeting): greeting == .redis || greeting == .tls
    case .unreachable, .hungUp, .turnedAway: false
    }
  }

  /// What is wrong.
  package var what: String {
    switch self {
    case .unreachable: "it cannot be reached"
    case .serverNotTrusted: "its certificate is not to be trusted: no known authority vouches for it"
    case .serverNamedOtherwise: "its certificate is not to be trusted: it is that of another host"
    case .clientNotAccepted: "the server does not accept this client's certificate, or the lack of one"
    case .serverWithoutTLS: "it does not speak TLS on this port"
    case .serverTooOld: "it offers nothing newer than TLS 1.1"
    case .hungUp: "it closed the connection before it had answered anything"
    case .turnedAway: "it does not take the connection"
    case .speaksOtherwise(let greeting): greeting.what
    }
  }

  /// What to do about it, for whoever sets up the client.
  package var advice: String {
    switch self {
    case .unreachable: "check its address, and that it runs"
    case .serverNotTrusted: "give the file of the authority that signed it"
    case .serverNamedOtherwise: "connect by a name or an address that stands in it"
    case .clientNotAccepted: "give a certificate that it accepts, and its key"
    case .serverWithoutTLS: "give its TLS port, or switch TLS off"
    case .serverTooOld: "have it offer TLS 1.2 or newer"
    case .speaksOtherwise(.tls): "switch TLS on"
    case .speaksOtherwise: "check host and port: another kind of server listens there"
    case .turnedAway(isFull: true): "raise its limit, or make fewer connections"
    case .turnedAway(isFull: false): "do something about the reason that it gives"
    case .hungUp(encrypted: false): "if it speaks TLS on this port, switch TLS on"
    case .hungUp(encrypted: true):
      "if it does not speak TLS on this port, switch TLS off; if it asks for a certificate, give one"
    }
  }
}

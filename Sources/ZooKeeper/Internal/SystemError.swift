#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

extension String {
  /// The operating system's text for an errno.
  init(systemError code: Int32) {
    self = strerror(code).map { String(cString: $0) } ?? "error \(code)"
  }
}

enum SystemError {
  /// What an errno means to somebody who wonders why there is no connection.
  static func ofConnection(_ code: Int32) -> String {
    switch code {
    case ECONNREFUSED: "refuses connections: nothing listens there"
    case ETIMEDOUT: "does not answer"
    // The server has closed the connection: `EHOSTDOWN` is the C client's word for an end while it
    // reads, `EPIPE` what it sees when it sends its greeting after that.
    case EHOSTDOWN, ECONNRESET, EPIPE, ECONNABORTED:
      "closes connections at once: it has no quorum, or its limit of connections per client is reached (maxClientCnxns)"
    // A new session was asked for and another one was given.
    case ESTALE: "has ended the session"
    default: String(systemError: code)
    }
  }
}

/// The protocol that a server speaks, by the first bytes of its answer.
package enum SniffedProtocol: Hashable, Sendable {
  case http1
  case http2
  case redis
  case tls
  case unknown

  /// Nil if there are no bytes.
  package init?(firstBytes bytes: some Collection<UInt8>) {
    guard let first = bytes.first else { return nil }
    let start = Array(bytes.prefix(5))
    self =
      if start == Array("HTTP/".utf8) {
        .http1
      } else if start.count >= 2, first == 0x15 || first == 0x16, start[1] == 3 {
        .tls
      } else if start.count >= 4, first == 0, start[3] == 4 {
        // The length and the kind of the settings that begin every connection.
        .http2
      } else if "-+$*%".utf8.contains(first) {
        .redis
      } else {
        .unknown
      }
  }

  /// What is wrong with a server that greets us so.
  var what: String {
    switch self {
    case .http1: "it answers as a server of HTTP/1 does"
    case .http2: "it answers as a server of HTTP/2 or gRPC does"
    case .redis: "it answers as a Redis server does"
    case .tls: "it speaks TLS on this port"
    case .unknown: "it answers in another protocol"
    }
  }
}

#if Etcd
internal import Latchkey
internal import LatchkeyNetwork
internal import NIOCore
internal import NIOPosix

#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// Why no connection was made, in words that say what was tried and what to look at.
extension EtcdConnection {
  /// What the server's first bytes say; nil if none came, or those of HTTP/2.
  static func greeting(_ opened: Opened?) async -> SniffedProtocol? {
    guard let opened else { return nil }
    let bytes: [UInt8] = await withCheckedContinuation { continuation in
      opened.channel.eventLoop.execute { continuation.resume(returning: opened.firstBytes.value.bytes) }
    }
    return SniffedProtocol(firstBytes: bytes).flatMap { $0 == .http2 ? nil : $0 }
  }

  static func trouble(
    _ error: any Error,
    _ greeting: SniffedProtocol?,
    isEncrypted: Bool
  ) -> ConnectFailureReason? {
    if let greeting { return .speaksOtherwise(greeting) }
    // Where there was no connection, the error is another: that of all addresses which were tried.
    let isEnd = error is CallHandler.ClosedAtOnce || error is IOError
    return isEnd ? .hungUp(encrypted: isEncrypted) : ConnectFailureReason(error)
  }

  struct Silent: Error {
    let limit: Duration
    let isEncrypted: Bool
  }

  static func describe(_ error: any Error) -> String {
    switch error {
    case let silent as Silent:
      "connected, but the server said nothing within \(silent.limit): it may be overloaded, or "
        + "\(silent.isEncrypted ? "not speak" : "speak") TLS on this port"
    case let error as NIOConnectionError:
      error.connectionErrors.first.map { "cannot connect: \(Self.words($0.error))" }
        ?? "there is no address for the name"
    default: "\(error)"
    }
  }

  /// The description of NIO names its own functions; people want the system's words.
  private static func words(_ error: any Error) -> String {
    (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
  }
}
#endif

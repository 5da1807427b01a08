internal import Latchkey
internal import LatchkeyNetwork
internal import NIOCore
internal import NIOPosix
internal import NIOSSL

#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// Why no connection was made, in words that say what was tried and what to look at.
enum DialError {
  /// There was no connection below the protocol.
  static func connecting(_ error: any Error, _ configuration: RedisConnection.Configuration) -> RedisError {
    let reason =
      switch error {
      case let error as NIOConnectionError: Self.reason(error)
      case let error as IOError: Self.text(of: error)
      default: String(describing: error)
      }
    return .unreachable("Cannot connect to Redis at \(configuration.address): \(reason)", .unreachable)
  }

  /// The connection was made, and then its encryption went wrong before the server had accepted it.
  static func greeting(_ error: any Error, _ configuration: RedisConnection.Configuration) -> RedisError {
    guard let trouble = ConnectFailureReason(error) else {
      return .unreachable("Cannot connect to Redis at \(configuration.address): TLS failed (\(error))", .unreachable)
    }
    return .unreachable("Cannot connect to Redis at \(configuration.address): \(trouble.what)", trouble)
  }

  /// The server has closed the connection, or reset it, before it had accepted it.
  static func hungUp(_ configuration: RedisConnection.Configuration) -> RedisError {
    let trouble = ConnectFailureReason.hungUp(encrypted: configuration.tls != nil)
    return .unreachable("Cannot connect to Redis at \(configuration.address): \(trouble.what)", trouble)
  }

  /// The time was up.
  ///
  /// - Parameter isConnected: Whether there was a connection by then.
  static func timedOut(isConnected: Bool, _ configuration: RedisConnection.Configuration) -> RedisError {
    let limit = configuration.connectTimeout
    guard isConnected else {
      return .unreachable(
        "No connection to Redis at \(configuration.address) could be made within \(limit)",
        .unreachable
      )
    }
    let encryption = configuration.tls == nil ? "speak" : "not speak"
    return .unreachable(
      "The server at \(configuration.address) took the connection and has answered nothing within \(limit): it may be "
        + "overloaded, or \(encryption) TLS on this port",
      .unreachable
    )
  }

  private static func reason(_ error: NIOConnectionError) -> String {
    if !error.connectionErrors.isEmpty {
      let tried = error.connectionErrors.map { ($0.target, ($0.error as? IOError).map(Self.text) ?? "\($0.error)") }
      return tried.count == 1 ? tried[0].1 : tried.map { "\($0): \($1)" }.joined(separator: "; ")
    }
    return "there is no address for the name"
  }

  private static func text(of error: IOError) -> String {
    // The description of NIO names its own functions; people want the system's words.
    String(cString: strerror(error.errnoCode))
  }
}

extension RedisError {
  static func unreachable(_ message: String, _ trouble: ConnectFailureReason) -> RedisError {
    var error = RedisError(.unreachable, message)
    error.trouble = trouble
    return error
  }
}

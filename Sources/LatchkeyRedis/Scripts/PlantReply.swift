internal import Latchkey

/// What a server answered to the scripts that plant a lock's key.
enum PlantReply: Sendable {
  /// Our key stands there; with the token that the server minted, if it mints any.
  case planted(token: FencingToken?)
  /// Another's key stands there; for how long at most, where it has a TTL.
  case held(remaining: Duration?, holder: [UInt8])
  case failed(RedisError)

  init(_ reply: PortReply) {
    switch reply.result {
    case .failure(let error):
      self = .failed(error)
      return
    case .success(.array(let values)):
      switch (values.first, values.count) {
      case (.integer(1), 1):
        self = .planted(token: nil)
        return
      case (.integer(1), 2):
        guard case .string(let digits) = values[1], let major = UInt64(String(decoding: digits, as: UTF8.self)) else {
          break
        }
        self = .planted(token: FencingToken(major: major))
        return
      case (.integer(0), 3):
        guard case .integer(let left) = values[1], case .string(let holder) = values[2] else { break }
        // A key without a TTL answers -1.
        self = .held(remaining: left < 0 ? nil : .milliseconds(left), holder: holder)
        return
      default: break
      }
    case .success: break
    }
    self = .failed(
      RedisError(.protocolViolation, "The server answered a lock's script with something else than the script does.")
    )
  }
}

extension RedisError {
  /// Whether there is a server: where a connection was lost, there was one.
  var showsServer: Bool { self.code == .server || self.code == .connectionLost }
}

/// As much of the client's error as the decoder knows.
struct RedisError: Error, Hashable {
  enum Code {
    case protocolViolation
    case invalidConfiguration
  }

  var code: Code
  var message: String

  init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }
}

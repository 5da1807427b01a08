/// One whole message of the server.
enum RESPFrame: Hashable, Sendable {
  /// The reply to a command.
  case reply(RedisValue)
  /// What the server sends by itself (RESP3).
  case push([RedisValue])
}

/// What a server may make us keep in memory at most, before a message is whole.
struct RESPLimits: Hashable, Sendable {
  /// The bytes of one message.
  var messageBytes = 64 << 20
  /// The values in one message, those of arrays in arrays counted too.
  var values = 1 << 20
  /// How deep arrays may lie in arrays.
  var depth = 32
  /// The bytes of one line: a number, a simple string, an error.
  var lineBytes = 64 << 10
}

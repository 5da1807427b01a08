/// A reply of the server. RESP2 and RESP3 both map to it.
public enum RedisValue: Hashable, Sendable {
  /// No value.
  case null
  /// A simple, bulk or verbatim string: any bytes.
  case string([UInt8])
  /// A number.
  case integer(Int64)
  /// A number with a fraction.
  case double(Double)
  /// True or false.
  case boolean(Bool)
  /// An array or a set.
  case array([RedisValue])
  /// Keys and values, in the server's order: key, value, key, value, ….
  case map([RedisValue])
  /// An error inside an array; as a whole reply it is thrown instead.
  case error(String)
}

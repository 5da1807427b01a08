/// The contents of lines, which are taken by the letter: what is not written as the protocol says is an error.
enum RESPNumber {
  static func integer(_ text: ArraySlice<UInt8>) throws(RedisError) -> Int64 {
    // Int64 takes a sign and digits, and nothing else; no number of 64 bits has more than 20 characters.
    guard text.count <= 20, let number = Int64(String(decoding: text, as: UTF8.self)) else {
      throw .malformed("the number \(excerpt(text))")
    }
    return number
  }

  /// The length of a string or an array; nil for −1, which is RESP2's null, where that may stand.
  static func length(_ text: ArraySlice<UInt8>, nullable: Bool) throws(RedisError) -> Int? {
    if text == Array("?".utf8)[...] { throw .malformed("a streamed string or array, which Redis does not send") }
    if nullable, text == Array("-1".utf8)[...] { return nil }
    guard let first = text.first, first >= UInt8(ascii: "0"), first <= UInt8(ascii: "9") else {
      throw .malformed("the length \(excerpt(text))")
    }
    return Int(try Self.integer(text))
  }

  static func boolean(_ text: ArraySlice<UInt8>) throws(RedisError) -> Bool {
    switch text {
    case Array("t".utf8)[...]: return true
    case Array("f".utf8)[...]: return false
    default: throw .malformed("the truth value \(excerpt(text))")
    }
  }

  static func double(_ text: ArraySlice<UInt8>) throws(RedisError) -> Double {
    let word = String(decoding: text, as: UTF8.self)
    switch word {
    case "inf": return .infinity
    case "-inf": return -.infinity
    case "nan", "-nan": return .nan
    default:
      let isDecimal = text.allSatisfy { Array("0123456789+-.eE".utf8).contains($0) }
      guard isDecimal, text.count <= 512, let number = Double(word) else {
        throw .malformed("the number \(excerpt(text))")
      }
      return number
    }
  }

  /// A number of any size, as it is written.
  static func digits(_ text: ArraySlice<UInt8>) throws(RedisError) -> [UInt8] {
    let digits = text.first == UInt8(ascii: "-") || text.first == UInt8(ascii: "+") ? text.dropFirst() : text
    guard !digits.isEmpty, digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
      throw .malformed("the number \(excerpt(text))")
    }
    return Array(text)
  }
}

extension RedisError {
  /// What has come is not the protocol.
  static func malformed(_ what: String) -> RedisError {
    RedisError(.protocolViolation, "The server has sent \(what): this is not the Redis protocol.")
  }
}

/// The beginning of some bytes, for people: what cannot be printed becomes a dot.
func excerpt(_ bytes: some Collection<UInt8>) -> String {
  let shown = bytes.prefix(40).map { (0x20...0x7E).contains($0) ? Character(Unicode.Scalar($0)) : "." }
  return "\"\(String(shown))\(bytes.count > 40 ? "…" : "")\""
}

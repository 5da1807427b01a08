/// The first message in some bytes of Redis's protocol: where it ends, and the words in it.
///
/// This is no more than test servers and the fault proxy need: values are not told apart, arrays in arrays are flat, and bytes
/// that are not the protocol count as one message.
struct RedisMessage {
  /// How many bytes it has.
  let length: Int
  /// Its texts and numbers in their order; nil for no value.
  let words: [ArraySlice<UInt8>?]
  /// The byte that says what it is.
  let kind: UInt8

  /// Whether it is an error that stands alone.
  var isError: Bool { self.kind == UInt8(ascii: "-") || self.kind == UInt8(ascii: "!") }

  /// Finds the first message; nil while bytes are missing.
  init?(_ bytes: ArraySlice<UInt8>) {
    guard let kind = bytes.first else { return nil }
    var rest = bytes
    var words: [ArraySlice<UInt8>?] = []
    var missing = 1
    while missing > 0 {
      guard let end = rest.firstIndex(of: UInt8(ascii: "\n")), let first = rest.first else { return nil }
      let line = rest[rest.startIndex..<end].dropLast()
      let text = line.dropFirst()
      rest = rest[(end + 1)...]
      missing -= 1
      switch first {
      case UInt8(ascii: "*"), UInt8(ascii: "~"), UInt8(ascii: ">"), UInt8(ascii: "%"), UInt8(ascii: "|"):
        guard let count = Self.number(text) else { break }
        if count < 0 { words.append(nil) }
        // The value that an attribute belongs to follows it.
        let isPairs = first == UInt8(ascii: "%") || first == UInt8(ascii: "|")
        missing += max(0, count) * (isPairs ? 2 : 1) + (first == UInt8(ascii: "|") ? 1 : 0)
      case UInt8(ascii: "$"), UInt8(ascii: "="), UInt8(ascii: "!"):
        guard let size = Self.number(text), size >= 0 else {
          words.append(nil)
          break
        }
        guard rest.count >= size + 2 else { return nil }
        words.append(rest.prefix(size))
        rest = rest.dropFirst(size + 2)
      case UInt8(ascii: "_"):
        words.append(nil)
      case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: ":"), UInt8(ascii: ","), UInt8(ascii: "#"),
        UInt8(ascii: "("):
        words.append(text)
      default:
        words.append(bytes)
        rest = []
        missing = 0
      }
    }
    self.length = bytes.count - rest.count
    self.words = words
    self.kind = kind
  }

  private static func number(_ text: ArraySlice<UInt8>) -> Int? {
    // No message of a test is larger.
    Int(String(decoding: text, as: UTF8.self)).flatMap { $0 < 1 << 26 ? $0 : nil }
  }
}

/// A channel's name, which servers compare byte by byte: they know nothing of canonical equivalence, by which Swift compares
/// strings.
struct ChannelName: Hashable, Comparable, Sendable, ExpressibleByStringLiteral {
  let bytes: [UInt8]

  init(bytes: [UInt8]) {
    self.bytes = bytes
  }

  init(_ text: String) {
    self.init(bytes: Array(text.utf8))
  }

  init(stringLiteral text: String) {
    self.init(text)
  }

  static func < (left: ChannelName, right: ChannelName) -> Bool { left.bytes.lexicographicallyPrecedes(right.bytes) }
}

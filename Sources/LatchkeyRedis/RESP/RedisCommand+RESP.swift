internal import NIOCore

extension RedisCommand {
  /// Appends the command as the protocol wants it: an array of strings.
  func encode(into buffer: inout ByteBuffer) {
    let room = self.words.reduce(24) { $0 + $1.count + 24 }
    buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { bytes in
      var end = Self.write(UInt8(ascii: "*"), self.words.count, to: bytes, at: 0)
      for word in self.words {
        end = Self.write(UInt8(ascii: "$"), word.count, to: bytes, at: end)
        word.withUnsafeBytes { source in
          UnsafeMutableRawBufferPointer(rebasing: bytes[end..<(end + word.count)]).copyMemory(from: source)
        }
        end += word.count
        end = Self.endLine(bytes, at: end)
      }
      return end
    }
  }

  /// Why the command cannot be sent like others, or nil.
  ///
  /// Every command must have one reply in its turn, and mean the same whatever others have sent before it: what switches replies
  /// off, turns the connection over to messages, or changes its user, its database or its mode would be felt by everybody who
  /// uses it, and last until it is made again.
  var problem: RedisError? {
    guard let name = self.words.first else {
      return RedisError(.invalidConfiguration, "A command has at least one word; this one has none.")
    }
    // The names are 4 to 12 letters long; their length and first letter tell most frequent commands apart.
    guard name.count >= 4, name.count <= 12, "ACDEHMPQRSUW".utf8.contains(name[0] & 0xDF) else { return nil }
    // The locks' own, most of all that are sent.
    if name == Self.evaluate { return nil }
    let upper = String(decoding: name, as: UTF8.self).uppercased()
    if upper.hasSuffix("SUBSCRIBE") {
      return RedisError(.invalidConfiguration, "\(upper) cannot be sent as a command; use subscribe(to:).")
    }
    let second = self.words.count > 1 ? String(decoding: self.words[1], as: UTF8.self).uppercased() : ""
    guard Self.refused.contains(upper) || Self.refused.contains("\(upper) \(second)") else { return nil }
    return RedisError(
      .invalidConfiguration,
      "\(upper) changes a connection that others use too; make a connection of your own for it"
        + (["SELECT", "AUTH"].contains(upper) ? ", or name user and database in its configuration." : ".")
    )
  }

  private static let evaluate = Array("EVALSHA".utf8)

  /// What a connection that is shared cannot be asked for.
  private static let refused: Set<String> = [
    "ASKING", "AUTH", "CLIENT REPLY", "DISCARD", "EXEC", "HELLO", "MONITOR", "MULTI", "PSYNC", "QUIT", "READONLY",
    "READWRITE", "RESET", "SCRIPT DEBUG", "SELECT", "SYNC", "UNWATCH", "WATCH",
  ]

  private static func write(
    _ mark: UInt8,
    _ number: Int,
    to bytes: UnsafeMutableRawBufferPointer,
    at start: Int
  ) -> Int {
    bytes[start] = mark
    var digits = 1
    var rest = number / 10
    while rest > 0 {
      digits += 1
      rest /= 10
    }
    rest = number
    for place in stride(from: start + digits, to: start, by: -1) {
      bytes[place] = UInt8(ascii: "0") + UInt8(rest % 10)
      rest /= 10
    }
    return self.endLine(bytes, at: start + 1 + digits)
  }

  private static func endLine(_ bytes: UnsafeMutableRawBufferPointer, at end: Int) -> Int {
    bytes[end] = UInt8(ascii: "\r")
    bytes[end + 1] = UInt8(ascii: "\n")
    return end + 2
  }
}

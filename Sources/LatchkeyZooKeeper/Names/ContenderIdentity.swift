/// What our nodes are called and what they say.
///
/// The name is Curator's, `_c_<uuid>-lock-<sequence>`: Curator, kazoo (told the pattern) and go-zookeeper take such a node
/// for a contender, and the identifier finds a node again whose create was never answered.
enum ContenderIdentity {
  /// What stands before the sequence number in the node of a contender, ours and other libraries'.
  static let markers = ["lock-", "__lock__", "__READ__", "__WRIT__", "__rlock__"]

  /// The markers of locks without readers.
  private static let lockMarkers = ["lock-", "__lock__"]

  /// Whether a child of a lock's directory contends for the lock: its name ends with a marker and a number as the server writes
  /// it, at least ten characters, negative after the counter has wrapped.
  static func isContender(_ name: String) -> Bool {
    self.lockMarkers.contains { marker in
      guard let range = name.ranges(of: marker).last else { return false }
      let number = name[range.upperBound...]
      return number.utf8.count >= 10 && number.first != "+" && Int64(number) != nil
    }
  }

  static func newIdentifier() -> String {
    var generator = SystemRandomNumberGenerator()
    let high = generator.next() & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
    let low = generator.next() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
    var text = [UInt8]()
    text.reserveCapacity(36)
    for (index, word) in [high, low].enumerated() {
      for nibble in 0..<16 {
        let position = index * 16 + nibble
        if position == 8 || position == 12 || position == 16 || position == 20 { text.append(UInt8(ascii: "-")) }
        let value = UInt8(truncatingIfNeeded: word >> UInt64(60 - nibble * 4)) & 0xF
        text.append(value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10)
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  static func prefix(_ identifier: String) -> String { "_c_\(identifier)-lock-" }

  /// How recovery recognises a node of an attempt.
  static func searchPrefix(_ identifier: String) -> String { "_c_\(identifier)-" }
}

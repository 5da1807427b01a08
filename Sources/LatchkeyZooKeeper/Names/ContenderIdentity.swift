/// What our nodes are called and what they say.
///
/// The name is Curator's, `_c_<uuid>-lock-<sequence>`: Curator, kazoo (told the pattern) and go-zookeeper take such a node
/// for a contender, and the identifier finds a node again whose create was never answered.
enum ContenderIdentity {
  /// What stands before the sequence number in the node of a contender, ours and other libraries'.
  static let markers = ["lock-", "__lock__", "__READ__", "__WRIT__", "__rlock__", "latch-"]

  /// What stands before the sequence number in the node of a semaphore's permit.
  static let leaseMarker = "lease-"

  /// The marker of a child that contends: its name ends with the marker and a number as the server writes it, at least ten
  /// characters, negative after the counter has wrapped. Nil if it is no contender.
  ///
  /// By bytes from the end, as the client scans a list: a `Character` may hide a marker's first letter. Where a name ends with
  /// several markers, the first of them counts.
  static func marker(of name: some StringProtocol, among markers: [String]) -> String? {
    let bytes = Array(name.utf8)
    let start = (bytes.lastIndex { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ?? -1) + 1
    let before = bytes[..<start]
    let markerAtEnd = { (text: ArraySlice<UInt8>) in
      markers.first { text.suffix($0.utf8.count).elementsEqual($0.utf8) }
    }
    var marker = markerAtEnd(before)
    var length = bytes.count - start
    if marker == nil, before.last == UInt8(ascii: "-") {
      marker = markerAtEnd(before.dropLast())
      length += 1
    }
    return length >= 10 && Int64(String(decoding: bytes[start...], as: UTF8.self)) != nil ? marker : nil
  }

  /// A number that tells one contender's nodes from all others', those of other contenders of the same client included.
  static func newMark() -> UInt64 {
    var generator = SystemRandomNumberGenerator()
    return generator.next()
  }

  /// The identifier of one attempt, written as a UUID: the mark, then random bits.
  static func newIdentifier(mark: UInt64) -> String {
    var generator = SystemRandomNumberGenerator()
    return Self.text([mark, generator.next() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000])
  }

  /// How the names of all nodes with a mark begin.
  static func prefix(mark: UInt64) -> String { "_c_\(Self.text([mark]))-" }

  private static func text(_ words: [UInt64]) -> String {
    var text = [UInt8]()
    text.reserveCapacity(36)
    for (index, word) in words.enumerated() {
      for nibble in 0..<16 {
        let position = index * 16 + nibble
        if position == 8 || position == 12 || position == 16 || position == 20 { text.append(UInt8(ascii: "-")) }
        let value = UInt8(truncatingIfNeeded: word >> UInt64(60 - nibble * 4)) & 0xF
        text.append(value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10)
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// The name of the node that takes the place of another: the same identifier and number, with another marker.
  static func name(like name: String, marker: String) -> String {
    let bytes = Array(name.utf8)
    let start = (bytes.lastIndex { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ?? -1) + 1
    let before = bytes[..<start].dropLast(Self.marker(of: name, among: Self.markers)?.utf8.count ?? 0)
    return String(decoding: before + Array(marker.utf8) + bytes[start...], as: UTF8.self)
  }

  /// Whether the number at the end of a name is negative, or so near the end of the range that contenders may be ordered by their
  /// creation while the node stands: a node that has taken another's place would lose that place. Sixteen million contenders may come
  /// and go during one hold.
  static func isNearWrap(_ name: String) -> Bool { Self.isNearWrap(Self.number(of: name)) }

  static func isNearWrap(_ number: Int64) -> Bool { !(0..<(1 << 31 - 1 << 24)).contains(number) }

  /// The number at the end of a contender's name.
  static func number(of name: String, markers: [String] = Self.markers) -> Int64 {
    let digits = name.utf8.reversed().prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }.reversed()
    let value = Int64(String(decoding: digits, as: UTF8.self)) ?? .max
    // A marker may end with a minus itself.
    let text = String(name.utf8.dropLast(digits.count)) ?? ""
    let isSigned = text.hasSuffix("-") && !markers.contains { text.hasSuffix($0) }
    return isSigned ? -value : value
  }

  static func prefix(_ identifier: String, marker: String) -> String { Self.searchPrefix(identifier) + marker }

  /// How recovery recognises a node of an attempt.
  static func searchPrefix(_ identifier: String) -> String { "_c_\(identifier)-" }
}

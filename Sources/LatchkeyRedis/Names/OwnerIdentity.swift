internal import Latchkey

/// What a lock's key holds: `<32 hex>:<host>:<pid>:<label>`, where the number is another for each turn at a lock. Compared
/// whole, so nobody takes another's value for their own.
///
/// The number is 128 random bits for each turn, not for each client: two machines that were resumed from one snapshot would go
/// on with the same ones. The clock is mixed in, since a system that has just been copied may repeat its random numbers as well.
final class OwnerIdentity: Sendable {
  /// What follows the number, the same for all locks of a client.
  private let tail: [UInt8]
  private let start = ContinuousClock.now

  init(label: String?) {
    let parts = [ThisProcess.host, "\(ThisProcess.id)", label ?? ""]
    self.tail = Array(parts.map { ":" + ContenderDescription.onOneLine($0) }.joined().utf8)
  }

  /// The value of a new owner.
  func next() -> [UInt8] {
    let nanoseconds = UInt64(truncatingIfNeeded: self.start.duration(to: .now).components.attoseconds / 1_000_000_000)
    var value: [UInt8] = []
    value.reserveCapacity(32 + self.tail.count)
    Self.append(.random(in: 0 ... .max), to: &value)
    Self.append(.random(in: 0 ... .max) ^ nanoseconds, to: &value)
    value += self.tail
    return value
  }

  private static func append(_ word: UInt64, to digits: inout [UInt8]) {
    for shift in stride(from: 60, through: 0, by: -4) {
      let nibble = UInt8(truncatingIfNeeded: word >> UInt64(shift)) & 0xF
      digits.append(nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10)
    }
  }

  /// Who holds the lock, for people: ours without its number, another client's value as it is.
  static func describe(_ value: [UInt8]) -> String {
    guard let parts = self.parse(value) else { return "\"\(self.text(value))\"" }
    return ContenderDescription.name(host: parts.host, pid: parts.pid, label: parts.label) ?? self.text(value)
  }

  /// The parts of a value of ours; nil for another client's.
  static func parse(_ value: [UInt8]) -> (host: String, pid: Int32, label: String?)? {
    let parts = self.text(value).split(separator: ":", maxSplits: 3, omittingEmptySubsequences: false)
    guard parts.count == 4, parts[0].utf8.count == 32, parts[0].allSatisfy(\.isHexDigit), let pid = Int32(parts[2])
    else { return nil }
    return (String(parts[1]), pid, parts[3].isEmpty ? nil : String(parts[3]))
  }

  /// A value as text for people, cut off where it gets too long.
  static func text(_ value: [UInt8]) -> String {
    ContenderDescription.onOneLine(String(decoding: value.prefix(256), as: UTF8.self))
  }
}

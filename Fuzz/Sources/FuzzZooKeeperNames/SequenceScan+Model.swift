@testable import LatchkeyZooKeeper
@testable import ZooKeeper

/// A contender as the model reads it from a name.
private struct ModelContender: Comparable {
  var number: Int64
  var name: [UInt8]
  var marker: String

  /// The name must end with a marker and at least ten characters of a number: digits, or a minus sign and digits.
  init?(_ name: [UInt8], _ markers: [String]) {
    for marker in markers {
      for length in stride(from: 10, through: name.count - marker.utf8.count, by: 1) {
        let number = name.suffix(length)
        let digits = number.first == UInt8(ascii: "-") ? number.dropFirst() : number
        guard name.dropLast(length).suffix(marker.utf8.count).elementsEqual(marker.utf8), !digits.isEmpty,
          digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
          let value = Int64(String(decoding: number, as: UTF8.self)), value != .min
        else { continue }
        self.number = value
        self.name = name
        self.marker = marker
        return
      }
    }
    return nil
  }

  static func < (left: ModelContender, right: ModelContender) -> Bool {
    left.number != right.number ? left.number < right.number : left.name.lexicographicallyPrecedes(right.name)
  }
}

extension SequenceScan {
  /// What a scan should say, put as simply as can be.
  init(modelOf names: [[UInt8]], own: [UInt8]?, prefix: [UInt8]?, _ rule: GrantRule) {
    let text = { (bytes: [UInt8]) in String(decoding: bytes, as: UTF8.self) }
    let contenders = names.compactMap { ModelContender($0, rule.markers.all) }
    let sorted = contenders.sorted()
    let ownIndex = own.flatMap { own in sorted.firstIndex { $0.name == own } }
    let ahead = own == nil ? sorted[...] : sorted[..<(ownIndex ?? 0)]
    let blockers = ahead.filter { rule.blockers.contains($0.marker) }
    let wraps = contenders.contains { $0.number < 0 || $0.number >= 1 << 31 - 1 << 20 }
    self.init(
      count: contenders.count,
      ownIndex: ownIndex,
      blockers: blockers.count,
      nearest: blockers.last.map { text($0.name) },
      nearestMarker: blockers.last?.marker,
      first: sorted.first.map { text($0.name) },
      foreign: sorted.first { rule.foreign.contains($0.marker) }.map { text($0.name) },
      matches: prefix.map { prefix in names.filter { $0.starts(with: prefix) }.map(text) } ?? [],
      wraps: wraps,
      nodes: wraps ? contenders.map { text($0.name) } : []
    )
  }
}

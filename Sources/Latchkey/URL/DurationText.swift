/// Durations as people write them in URLs and options: `500ms`, `10s`, `2m`.
package enum DurationText {
  /// What a parse error should suggest.
  package static let hint = "write a duration such as 500ms, 10s or 2m"

  private static let units: [(suffix: String, nanoseconds: Int64)] = [
    // "ms" and "us" stand before "s" and "m", whose suffix they share.
    ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000),
  ]

  /// Reads a whole number or a decimal fraction with a unit (`us`, `ms`, `s`, `m`, `h`); zero needs no unit.
  ///
  /// - Returns: Nil if the text is no duration, is negative, or is longer than the clock can count (292 years).
  package static func parse(_ text: String) -> Duration? {
    if text == "0" { return .zero }
    guard let unit = self.units.first(where: { text.hasSuffix($0.suffix) }) else { return nil }
    let parts = text.dropLast(unit.suffix.count).split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count <= 2, parts.allSatisfy(self.isNumber), let whole = Int64(parts[0]) else { return nil }
    let product = whole.multipliedReportingOverflow(by: unit.nanoseconds)
    guard !product.overflow else { return nil }
    var nanoseconds = product.partialValue
    if parts.count == 2 {
      var scale = unit.nanoseconds
      for digit in parts[1].utf8 {
        scale /= 10
        let sum = nanoseconds.addingReportingOverflow(Int64(digit - UInt8(ascii: "0")) * scale)
        guard !sum.overflow else { return nil }
        nanoseconds = sum.partialValue
      }
    }
    return .nanoseconds(nanoseconds)
  }

  /// Writes a duration, not negative, in the largest unit that needs no fraction; nanoseconds are a fraction of a microsecond.
  package static func format(_ duration: Duration) -> String {
    let (seconds, attoseconds) = duration.components
    if attoseconds == 0 {
      if seconds != 0, seconds % 3600 == 0 { return "\(seconds / 3600)h" }
      if seconds != 0, seconds % 60 == 0 { return "\(seconds / 60)m" }
      return "\(seconds)s"
    }
    let nanoseconds = Int128(seconds) * 1_000_000_000 + Int128(attoseconds / 1_000_000_000)
    if nanoseconds % 1_000_000 == 0 { return "\(nanoseconds / 1_000_000)ms" }
    if nanoseconds % 1000 == 0 { return "\(nanoseconds / 1000)us" }
    let fraction = "\(1000 + nanoseconds % 1000)".dropFirst()
    return "\(nanoseconds / 1000).\(fraction)us"
  }

  private static func isNumber(_ text: Substring) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
  }
}

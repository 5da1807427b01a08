/// A limit as Curator's `SharedCount` writes it: four bytes, most significant first.
enum SharedLimit {
  static func encode(_ limit: Int) -> [UInt8] {
    let value = UInt32(bitPattern: Int32(clamping: limit))
    return [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
  }

  /// - Returns: nil if the data is nothing that `SharedCount` writes.
  static func decode(_ data: [UInt8]) -> Int? {
    guard data.count == 4 else { return nil }
    return Int(Int32(bitPattern: data.reduce(0) { $0 << 8 | UInt32($1) }))
  }
}

/// Where a cluster keeps what is hashed: CRC-16 (XMODEM), modulo the number of slots.
enum ClusterSlot {
  static let count: UInt16 = 16_384

  /// The slot of a hash tag, or of a key without one.
  static func slot(of tag: [UInt8]) -> UInt16 {
    var remainder: UInt16 = 0
    for byte in tag {
      remainder ^= UInt16(byte) << 8
      for _ in 0..<8 { remainder = remainder & 0x8000 == 0 ? remainder << 1 : remainder << 1 ^ 0x1021 }
    }
    return remainder % Self.count
  }
}

extension ZooKeeperServer {
  /// Ends a client's session as if it had timed out, and returns when the server has removed it.
  ///
  /// The client's connection is closed, and when the client comes back it is told that its session has expired. This
  /// takes the session over with the password that the server derives from the session's number, and closes it.
  ///
  /// - Throws: ``ServerError`` when the server does not answer.
  public func expireSession(_ id: Int64) async throws(ServerError) {
    let takeOver = Frame {
      $0.append(Int32(0))  // protocol version
      $0.append(Int64(0))  // last transaction seen
      $0.append(Int32(30_000))  // timeout in milliseconds
      $0.append(id)
      $0.append(Int32(16))
      $0.bytes += SessionPassword(of: id).bytes
    }
    let close = Frame {
      $0.append(Int32(1))  // request number
      $0.append(Int32(-11))  // close the session
    }
    // The server answers both and closes the connection, which ends the exchange.
    let answer = try await exchange(takeOver.withLength + close.withLength, port: self.port, within: .seconds(10))
    guard !answer.isEmpty else {
      throw ServerError(.noAnswer, "Port \(self.port) closed the connection instead of handing session \(id) over.")
    }
  }
}

/// A message of ZooKeeper's protocol: big-endian fields behind their length.
private struct Frame {
  var bytes: [UInt8] = []

  init(_ fill: (inout Frame) -> Void) {
    fill(&self)
  }

  mutating func append(_ number: some FixedWidthInteger) {
    withUnsafeBytes(of: number.bigEndian) { self.bytes += $0 }
  }

  var withLength: [UInt8] {
    withUnsafeBytes(of: UInt32(self.bytes.count).bigEndian) { Array($0) } + self.bytes
  }
}

/// The password that a ZooKeeper server gives a session: it is derived from the session's number alone.
///
/// The server takes 16 bytes of `java.util.Random`, seeded with the number and a constant.
private struct SessionPassword {
  private static let serverConstant: Int64 = 0xB341_5C00
  private static let multiplier: Int64 = 0x5_DEEC_E66D
  private static let mask: Int64 = (1 << 48) - 1

  let bytes: [UInt8]

  init(of session: Int64) {
    var state = ((session ^ Self.serverConstant) ^ Self.multiplier) & Self.mask
    var bytes: [UInt8] = []
    while bytes.count < 16 {
      state = (state &* Self.multiplier &+ 0xB) & Self.mask
      withUnsafeBytes(of: UInt32(truncatingIfNeeded: state >> 16).littleEndian) { bytes += $0 }
    }
    self.bytes = bytes
  }
}

extension ZooKeeperServer {
  /// Ends a client's session as if it had timed out, and returns when the server has removed it.
  ///
  /// The client's connection is closed, and when the client comes back it is told that its session has expired. A client that
  /// has come back at the very moment of the end may keep a connection on which the server says nothing more; it learns of the
  /// end when it gives up on that silence, after two thirds of its session timeout. A session that is already over is no error.
  ///
  /// This takes the session over with the password that the server derives from the session's number, and closes it. A client
  /// that is connected comes back at once and takes its session back, sometimes before it is closed: this tries again until
  /// the server says that the session is over, for at most 15 seconds.
  ///
  /// - Parameter id: The session's number.
  /// - Throws: ``ServerError`` when the server is down or does not answer, or the client has won all the time.
  public func expireSession(_ id: Int64) async throws(ServerError) {
    let takeOver = Self.takeOver(of: id)
    let close = Frame {
      $0.append(Int32(1))  // request number
      $0.append(Int32(-11))  // close the session
    }
    let deadline = ContinuousClock.now + .seconds(15)
    var reason = "the client has taken it back every time"
    repeat {
      // Both in one message, so that the client has the least time to come between. The answer tells nothing that can be
      // relied on: the client may have come in between, and then the session lives.
      _ = try? await exchange(takeOver + close.withLength, port: self.port, within: .seconds(3))
      do {
        if try await self.isOver(id) { return }
      } catch {
        guard self.processID != nil else { throw error }
        reason = error.message
      }
      try? await Task.sleep(for: .milliseconds(10))
    } while ContinuousClock.now < deadline && !Task.isCancelled
    throw ServerError(.noAnswer, "Session \(id) could not be ended: \(reason)")
  }

  /// Whether a session is over, asked by taking it over, which also closes the connection of a client that has come back.
  private func isOver(_ id: Int64) async throws(ServerError) -> Bool {
    // Alone, without the request to close: a server that closes a connection with something unread may take its answer back.
    let answer = try await exchange(Self.takeOver(of: id), port: self.port, within: .seconds(3), upTo: 12)
    // Nothing when the client has taken the session back before the answer.
    guard answer.count >= 12 else { return false }
    // After the length and the version of the protocol comes the timeout granted, 0 for a session that is over.
    return answer[8..<12].allSatisfy { $0 == 0 }
  }

  private static func takeOver(of id: Int64) -> [UInt8] {
    Frame {
      $0.append(Int32(0))  // protocol version
      $0.append(Int64(0))  // last transaction seen
      $0.append(Int32(30_000))  // timeout in milliseconds
      $0.append(id)
      $0.append(Int32(16))
      $0.bytes += SessionPassword(of: id).bytes
    }.withLength
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

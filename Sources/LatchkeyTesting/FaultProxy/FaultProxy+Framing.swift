extension FaultProxy {
  /// How a protocol divides its bytes into messages, and which of them are requests and their replies.
  public struct Framing: Sendable {
    /// The length of the first frame in some bytes; nil while that cannot be said or bytes are missing.
    package var length: @Sendable (_ bytes: ArraySlice<UInt8>) -> Int?

    /// Whether a frame from the client is a request that has a reply.
    package var isRequest: @Sendable (_ frame: Frame) -> Bool

    /// Whether a frame from the server is the reply to a request.
    package var isReply: @Sendable (_ frame: Frame) -> Bool

    /// What a request and its reply have in common; nil where a reply says nothing of its request.
    package var correlation: (@Sendable (_ frame: Frame) -> Int64?)?

    /// Whether only plain text can be divided: a connection that begins as an encrypted one (TLS) is then reset, and that is an
    /// error of all who wait for a rule, and of ``withFaultProxy(to:framing:isolation:_:)``.
    package var expectsPlainText = true

    /// Makes what follows a connection, where a frame alone does not say all.
    var makeReader: (@Sendable () -> any FrameReader)?

    /// Makes a framing.
    package init(
      length: @escaping @Sendable (_ bytes: ArraySlice<UInt8>) -> Int?,
      isRequest: @escaping @Sendable (_ frame: Frame) -> Bool = { _ in true },
      isReply: @escaping @Sendable (_ frame: Frame) -> Bool = { _ in true },
      correlation: (@Sendable (_ frame: Frame) -> Int64?)? = nil
    ) {
      self.length = length
      self.isRequest = isRequest
      self.isReply = isReply
      self.correlation = correlation
    }

    /// No framing: what arrives at once counts as one frame. This is also for encrypted connections, whose bytes pass as they are.
    public static let raw = {
      var framing = Framing(length: { $0.isEmpty ? nil : $0.count })
      framing.expectsPlainText = false
      return framing
    }()

    /// Redis's protocol, RESP2 and RESP3: the n-th reply of a connection belongs to its n-th request.
    ///
    /// What a subscriber sends and is sent is neither request nor reply.
    public static let redis = Framing(
      length: { RedisMessage($0)?.length },
      isRequest: { !$0.isRedisSubscription },
      isReply: { !$0.isRedisSubscription },
      correlation: { $0.exchange.map(Int64.init) }
    )

    /// ZooKeeper's protocol: each message behind its length.
    ///
    /// Pings, watch events and the messages that open a session are neither requests nor replies.
    public static let zooKeeper = Framing(
      length: { bytes in
        guard let length = bytes.bigEndian(at: 0, as: UInt32.self) else { return nil }
        // A number that no message has is the beginning of a four-letter word, which is not framed.
        guard length < 1 << 26 else { return bytes.count }
        return bytes.count >= 4 + Int(length) ? 4 + Int(length) : nil
      },
      isRequest: { $0.hasZooKeeperRequestNumber },
      isReply: { $0.hasZooKeeperRequestNumber },
      correlation: { $0.zooKeeperRequestNumber.map(Int64.init) }
    )
  }
}

extension ArraySlice<UInt8> {
  /// A big-endian number at a distance from the beginning; nil if bytes are missing.
  func bigEndian<Number: FixedWidthInteger>(at offset: Int, as: Number.Type) -> Number? {
    let size = MemoryLayout<Number>.size
    guard self.count >= offset + size else { return nil }
    return self.dropFirst(offset).prefix(size).reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
  }
}

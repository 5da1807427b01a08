#if Etcd
internal import NIOCore

/// Takes the servers' PING frames out of the bytes of a connection, and answers them.
///
/// A Go server sends one with nearly every answer, to estimate the bandwidth. NIO's HTTP/2 takes more than 200 of them in 30
/// seconds for an attack and closes the connection (apple/swift-nio-http2 pull request 561), and the gRPC transport has no
/// option for that limit: a client would be cut off after 200 calls. So they are answered before HTTP/2 sees them.
struct PingFilter: Sendable {
  private static let headerLength = 9
  private static let pingLength = 8
  private static let pingType: UInt8 = 6
  private static let acknowledged: UInt8 = 1

  /// How much of the frame that goes through has not come yet.
  private var missing = 0
  /// The beginning of a frame that cannot be told yet, or of a PING.
  private var rest = ByteBuffer()

  /// - Parameter bytes: What has come.
  /// - Returns: What is to go on, and the answers to send back.
  mutating func filter(_ bytes: ByteBuffer) -> (passed: [ByteBuffer], answers: ByteBuffer?) {
    var bytes = bytes
    if self.rest.readableBytes > 0 {
      var joined = self.rest
      joined.writeBuffer(&bytes)
      bytes = joined
      self.rest = ByteBuffer()
    }
    // Only what has not been read yet can be sliced.
    let whole = bytes
    var passed: [ByteBuffer] = []
    var answers: ByteBuffer?
    var start = bytes.readerIndex
    func run(to end: Int) -> [ByteBuffer] {
      end > start ? whole.getSlice(at: start, length: end - start).map { [$0] } ?? [] : []
    }
    while bytes.readableBytes > 0 {
      if self.missing > 0 {
        let here = min(self.missing, bytes.readableBytes)
        bytes.moveReaderIndex(forwardBy: here)
        self.missing -= here
        continue
      }
      guard let header = Header(bytes) else { break }
      guard header.type == Self.pingType, header.flags & Self.acknowledged == 0, header.length == Self.pingLength else {
        bytes.moveReaderIndex(forwardBy: Self.headerLength)
        self.missing = header.length
        continue
      }
      guard bytes.readableBytes >= Self.headerLength + Self.pingLength else { break }
      passed += run(to: bytes.readerIndex)
      var answer = bytes.readSlice(length: Self.headerLength + Self.pingLength) ?? ByteBuffer()
      answer.setInteger(header.flags | Self.acknowledged, at: answer.readerIndex + 4)
      if answers == nil { answers = answer } else { answers?.writeBuffer(&answer) }
      start = bytes.readerIndex
    }
    passed += run(to: bytes.readerIndex)
    self.rest = bytes.slice()
    return (passed, answers)
  }

  private struct Header {
    let length: Int
    let type: UInt8
    let flags: UInt8

    /// Nil if it has not all come.
    init?(_ bytes: ByteBuffer) {
      let at = bytes.readerIndex
      guard
        bytes.readableBytes >= PingFilter.headerLength,
        let high = bytes.getInteger(at: at, as: UInt8.self),
        let low = bytes.getInteger(at: at + 1, as: UInt16.self),
        let type = bytes.getInteger(at: at + 3, as: UInt8.self),
        let flags = bytes.getInteger(at: at + 4, as: UInt8.self)
      else { return nil }
      self.length = Int(high) << 16 | Int(low)
      self.type = type
      self.flags = flags
    }
  }
}

/// Puts a ``PingFilter`` in front of HTTP/2.
final class PingHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private var filter = PingFilter()

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let (passed, answers) = self.filter.filter(self.unwrapInboundIn(data))
    // Between two frames of ours: HTTP/2 writes each of them without letting go of the thread.
    if let answers { context.writeAndFlush(self.wrapOutboundOut(answers), promise: nil) }
    for bytes in passed { context.fireChannelRead(self.wrapInboundOut(bytes)) }
  }
}
#endif

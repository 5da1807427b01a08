#if Etcd
internal import NIOCore

/// Keeps how a server's answer begins, which tells what it is if it is no etcd.
final class FirstBytes: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  private static let limit = 5
  private(set) var bytes: [UInt8] = []

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if self.bytes.count < Self.limit {
      self.bytes += self.unwrapInboundIn(data).readableBytesView.prefix(Self.limit - self.bytes.count)
    }
    context.fireChannelRead(data)
  }
}
#endif

import NIOCore
import NIOPosix

/// Answers whatever comes with the same bytes, or with the end of the connection.
func withFakeServer(
  answering bytes: [UInt8]?,
  _ body: (_ port: Int) async throws -> Void
) async throws {
  let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
    .childChannelInitializer { channel in
      channel.eventLoop.makeCompletedFuture {
        try channel.pipeline.syncOperations.addHandler(FakeAnswerer(bytes: bytes))
      }
    }
    .bind(host: "127.0.0.1", port: 0).get()
  do {
    try await body(listener.localAddress?.port ?? 0)
    try await listener.close()
  } catch {
    try await listener.close()
    throw error
  }
}

private final class FakeAnswerer: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let bytes: [UInt8]?

  init(bytes: [UInt8]?) {
    self.bytes = bytes
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard let bytes else { return context.close(promise: nil) }
    context.channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
  }
}

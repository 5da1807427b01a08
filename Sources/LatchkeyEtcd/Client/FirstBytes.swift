#if Etcd
internal import NIOCore

/// Notices the first bytes of a connection: a server that speaks HTTP/2 sends some at once, while one that is stopped, or
/// expects TLS, or is none, does not. And keeps the error of a connection that fails before.
final class FirstBytes: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let arrived: EventLoopPromise<Void>
  private var error: (any Error)?

  init(arrived: EventLoopPromise<Void>) {
    self.arrived = arrived
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    self.arrived.succeed()
    context.fireChannelRead(data)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if self.error == nil { self.error = error }
    self.arrived.fail(error)
    context.fireErrorCaught(error)
  }

  func channelInactive(context: ChannelHandlerContext) {
    self.arrived.fail(self.error ?? ClosedAtOnce())
    context.fireChannelInactive()
  }

  struct ClosedAtOnce: Error, CustomStringConvertible {
    let description = "the connection was closed before the server said anything; does it speak TLS, or plain text?"
  }
}
#endif

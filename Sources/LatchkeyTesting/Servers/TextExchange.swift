internal import NIOCore
internal import NIOPosix

/// Asks a server one question and reads until it closes the connection, or has sent as much as is wanted.
///
/// - Parameter host: The server's name or address; the loopback interface if left out.
package func exchange(
  _ question: [UInt8],
  host: String = "127.0.0.1",
  port: Int,
  within limit: Duration,
  upTo enough: Int = .max
) async throws(ServerError) -> [UInt8] {
  guard (1...65_535).contains(port) else { throw ServerError(.noAnswer, "\(port) is no port.") }
  let loop = MultiThreadedEventLoopGroup.singleton.any()
  let answer = loop.makePromise(of: [UInt8].self)
  let timeout = loop.scheduleTask(in: TimeAmount(limit)) {
    answer.fail(ServerError(.noAnswer, "Port \(port) has not answered within \(limit)."))
  }
  let connected = ClientBootstrap(group: loop)
    .connectTimeout(TimeAmount(limit))
    .channelInitializer { channel in
      channel.eventLoop.makeCompletedFuture {
        try channel.pipeline.syncOperations.addHandler(
          AnswerCollector(question: question, enough: enough, answer: answer)
        )
      }
    }
    .connect(host: host, port: port)
  connected.cascadeFailure(to: answer)
  answer.futureResult.whenComplete { _ in
    timeout.cancel()
    connected.whenSuccess { $0.close(promise: nil) }
  }
  do {
    return try await answer.futureResult.get()
  } catch let error as ServerError {
    throw error
  } catch {
    throw ServerError(.noAnswer, "Port \(port) does not answer: \(error)")
  }
}

private final class AnswerCollector: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let question: [UInt8]
  private let enough: Int
  private let answer: EventLoopPromise<[UInt8]>
  private var bytes: [UInt8] = []

  init(question: [UInt8], enough: Int, answer: EventLoopPromise<[UInt8]>) {
    self.question = question
    self.enough = enough
    self.answer = answer
  }

  func channelActive(context: ChannelHandlerContext) {
    context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(bytes: self.question)), promise: nil)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    self.bytes += self.unwrapInboundIn(data).readableBytesView
    if self.bytes.count >= self.enough { self.answer.succeed(self.bytes) }
  }

  func channelInactive(context: ChannelHandlerContext) {
    self.answer.succeed(self.bytes)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    self.answer.fail(error)
    context.close(promise: nil)
  }
}

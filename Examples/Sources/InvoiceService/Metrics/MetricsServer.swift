import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceLifecycle

/// Answers `GET /metrics` with the text of a ``TextMetrics``.
struct MetricsServer: Service {
  private let metrics: TextMetrics
  private let host: String
  private let port: Int
  private let logger: Logger

  init(_ metrics: TextMetrics, host: String, port: Int, logger: Logger) {
    self.metrics = metrics
    self.host = host
    self.port = port
    self.logger = logger
  }

  func run() async throws {
    let metrics = self.metrics
    let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.configureHTTPServerPipeline()
          try channel.pipeline.syncOperations.addHandler(Answerer(metrics))
        }
      }
      .bind(host: self.host, port: self.port).get()
    self.logger.info("serving metrics", metadata: ["port": "\(server.localAddress?.port ?? self.port)"])
    try await withGracefulShutdownHandler {
      try await server.closeFuture.get()
    } onGracefulShutdown: {
      server.close(promise: nil)
    }
  }

  private final class Answerer: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let metrics: TextMetrics
    private var head: HTTPRequestHead?

    init(_ metrics: TextMetrics) {
      self.metrics = metrics
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      switch self.unwrapInboundIn(data) {
      case .head(let head): self.head = head
      case .body: break
      case .end:
        let isKnown = self.head.map { $0.method == .GET && $0.uri == "/metrics" } ?? false
        let body = context.channel.allocator.buffer(string: isKnown ? self.metrics.text() : "GET /metrics\n")
        let head = HTTPResponseHead(
          version: .http1_1,
          status: isKnown ? .ok : .notFound,
          headers: [
            "Content-Type": "text/plain; version=0.0.4; charset=utf-8", "Content-Length": "\(body.readableBytes)",
            "Connection": "close",
          ]
        )
        context.write(self.wrapOutboundOut(.head(head)), promise: nil)
        context.write(self.wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        let channel = context.channel
        context.writeAndFlush(self.wrapOutboundOut(.end(nil))).whenComplete { _ in channel.close(promise: nil) }
      }
    }
  }
}

import NIOCore
import NIOPosix

@testable import LatchkeyRedis

/// Answers whatever comes with the same bytes, or with the end of the connection.
func withFakeServer(
  answering bytes: [UInt8]?,
  _ body: (_ port: Int) async throws -> Void
) async throws {
  try await withFakeServer(made: { FakeAnswerer(bytes: bytes) }, body)
}

/// Answers commands by their words: with text as the protocol has it, or with the end of the connection.
func withFakeServer(
  speaking answer: @escaping @Sendable (_ words: [String]) -> String?,
  _ body: (_ port: Int) async throws -> Void
) async throws {
  try await withFakeServer(made: { FakeSpeaker(answer: answer) }, body)
}

/// Sends everybody the same text, unasked, and closes the connection.
func withFakeServer(
  greetingWith text: String,
  _ body: (_ port: Int) async throws -> Void
) async throws {
  try await withFakeServer(made: { FakeDoorkeeper(text: text) }, body)
}

private func withFakeServer<Handler: ChannelInboundHandler>(
  made make: @escaping @Sendable () -> Handler,
  _ body: (_ port: Int) async throws -> Void
) async throws {
  let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
    .childChannelInitializer { channel in
      channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(make()) }
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

private final class FakeSpeaker: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let answer: @Sendable ([String]) -> String?
  private var parser = RESPParser()
  private var unread = ByteBuffer()

  init(answer: @escaping @Sendable ([String]) -> String?) {
    self.answer = answer
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var data = self.unwrapInboundIn(data)
    self.unread.writeBuffer(&data)
    while case .reply(.array(let words))? = try? self.parser.next(&self.unread) {
      let command = words.map { if case .string(let bytes) = $0 { String(decoding: bytes, as: UTF8.self) } else { "" } }
      guard let text = self.answer(command) else { return context.close(promise: nil) }
      context.channel.writeAndFlush(ByteBuffer(string: text), promise: nil)
    }
  }
}

private final class FakeDoorkeeper: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let text: String

  init(text: String) {
    self.text = text
  }

  func channelActive(context: ChannelHandlerContext) {
    context.channel.writeAndFlush(ByteBuffer(string: self.text), promise: nil)
    context.close(promise: nil)
  }
}

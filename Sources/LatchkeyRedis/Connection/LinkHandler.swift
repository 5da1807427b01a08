internal import Latchkey
internal import LatchkeyNetwork
internal import NIOCore
internal import NIOSSL

/// The end of a channel's pipeline: goes through the handshake, then hands messages to whoever has taken the link.
final class LinkHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private enum Phase {
    /// One of several addresses that are tried at once.
    case fresh
    case greeting(Handshake)
    case live(Link.Listener)
    case over
  }

  private let configuration: RedisConnection.Configuration
  private var greeted: ((Result<RedisServerIdentity?, Handshake.Failure>) -> Link.Listener?)?
  private var phase = Phase.fresh
  private var parser = RESPParser()
  private var unread = ByteBuffer()
  /// Room for what is read next.
  private var room: [RESPFrame] = []
  /// What the server's first bytes say that it is, if not a Redis server.
  private var greeting: SniffedProtocol?
  private var channel: (any Channel)?

  init(_ configuration: RedisConnection.Configuration) {
    self.configuration = configuration
  }

  /// Begins the handshake: the channel is connected.
  ///
  /// - Parameter greeted: Called once, with the handshake's outcome; returns who takes the link, nil if nobody does.
  func begin(
    on channel: any Channel,
    greeted: @escaping (Result<RedisServerIdentity?, Handshake.Failure>) -> Link.Listener?
  ) {
    self.channel = channel
    self.greeted = greeted
    var handshake = Handshake(self.configuration)
    let step = handshake.start()
    self.phase = .greeting(handshake)
    if channel.isActive { self.perform(step) }
    // A server that takes no client says so at once, and closes the connection.
    if self.unread.readableBytes > 0 { self.read() }
    if !channel.isActive { self.hungUp() }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var data = self.unwrapInboundIn(data)
    if self.unread.readableBytes == 0 {
      self.unread = data
    } else {
      // What was read makes room as soon as it is more than what has to be moved for it.
      if self.unread.readerIndex > self.unread.readableBytes { self.unread.discardReadBytes() }
      self.unread.writeBuffer(&data)
    }
    self.read()
  }

  private func read() {
    if case .greeting = self.phase, self.greeting == nil {
      self.greeting = SniffedProtocol(firstBytes: self.unread.readableBytesView)
    }
    do throws(RedisError) {
      try self.readFrames()
    } catch {
      self.end(self.explained(error))
    }
  }

  private func readFrames() throws(RedisError) {
    while case .greeting(var handshake) = self.phase {
      guard let frame = try self.parser.next(&self.unread) else { return }
      guard case .reply(let reply) = frame else { continue }
      let step = handshake.received(reply)
      self.phase = .greeting(handshake)
      self.perform(step)
    }
    guard case .live(let listener) = self.phase else { return }
    var frames: [RESPFrame] = []
    swap(&frames, &self.room)
    defer {
      if !frames.isEmpty { listener.received(frames) }
      frames.removeAll(keepingCapacity: frames.count <= 1_024)
      self.room = frames
    }
    while let frame = try self.parser.next(&self.unread) { frames.append(frame) }
  }

  private func perform(_ step: Handshake.Step) {
    switch step {
    case .wait: break
    case .failed(let failure): self.end(failure)
    case .send(let commands):
      var bytes = ByteBuffer()
      for command in commands { command.encode(into: &bytes) }
      self.channel?.writeAndFlush(bytes, promise: nil)
    case .done(let info):
      let server = info.flatMap { RedisServerIdentity(info: $0, readAt: .now) }
      guard server != nil || !self.configuration.tracksServer else {
        let reason =
          "The server at \(self.configuration.address) does not say which run it is, which Redlock must know."
        return self.end(RedisError(.server, reason))
      }
      self.phase = .over
      let greeted = self.greeted
      self.greeted = nil
      if let listener = greeted?(.success(server)) {
        self.phase = .live(listener)
        // What was sent just now may have shown that nobody is there any more, and the channel does not say so twice.
        if self.channel?.isActive == false { self.end(DialError.hungUp(self.configuration)) }
      } else {
        self.channel?.close(promise: nil)
      }
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // The end of a server without the farewell of TLS is an end like others.
    if let error = error as? NIOSSLError, case .uncleanShutdown = error { return }
    switch self.phase {
    case .fresh: context.close(promise: nil)
    case .greeting where self.configuration.tls == nil: self.hungUp()
    case .greeting: self.end(DialError.greeting(error, self.configuration))
    case .live, .over:
      self.end(
        RedisError(
          .connectionLost,
          "The connection to \(self.configuration.address) broke (\(error)). \(unknownOutcome)"
        )
      )
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    switch self.phase {
    case .fresh: break
    case .greeting: self.hungUp()
    case .live, .over:
      self.end(
        RedisError(
          .connectionLost,
          "The server at \(self.configuration.address) closed the connection. \(unknownOutcome)"
        )
      )
    }
  }

  /// The server has closed the connection, or reset it.
  private func hungUp() {
    if case .greeting(let handshake) = self.phase { self.end(handshake.hungUp()) }
  }

  /// Ends the connection with an error, unless it has ended.
  func end(_ error: RedisError) { self.end(Handshake.Failure(error: error)) }

  private func end(_ failure: Handshake.Failure) {
    let phase = self.phase
    self.phase = .over
    switch phase {
    case .greeting:
      let greeted = self.greeted
      self.greeted = nil
      _ = greeted?(.failure(failure))
    case .live(let listener): listener.ended(failure.error)
    case .fresh, .over: break
    }
    self.channel?.close(promise: nil)
  }

  private func explained(_ error: RedisError) -> RedisError {
    var error = error
    if case .greeting = self.phase, let greeting = self.greeting, greeting != .redis, greeting != .unknown {
      error.message = "Cannot connect to Redis at \(self.configuration.address): \(error.message)"
      error.trouble = .speaksOtherwise(greeting)
      if error.message.last == "." { error.message.removeLast() }
      error.message += " (\(ConnectFailureReason.speaksOtherwise(greeting).what))"
      return error
    }
    error.message += " Is there a Redis server at \(self.configuration.address)"
    error.message += self.configuration.tls == nil ? ", and does it take connections without TLS on this port?" : "?"
    return error
  }
}

/// What those are told whose replies cannot come any more.
let unknownOutcome = "Commands that were not answered may have been carried out."

internal import NIOCore
internal import NIOPosix
internal import NIOSSL

/// One attempt to make a connection, with a limit to all of it: name, connection, encryption, handshake.
///
/// Within the limit a server that is full is tried again, ever more rarely, and one that hangs up at RESP3's first word once more
/// in RESP2.
///
/// It lives on one event loop. Exactly one of its two closures is called, once.
final class Dialer {
  private var configuration: RedisConnection.Configuration
  private let context: NIOSSLContext?
  private let loop: any EventLoop
  private let established: (Link) -> Link.Listener?
  private let failed: (RedisError) -> Void
  private var handler: LinkHandler?
  private var timer: Scheduled<Void>?
  private var retry: Scheduled<Void>?
  /// Why the last of several tries has failed.
  private var lastError: RedisError?
  private var pause: Duration
  private var isOver = false

  /// Prepares an attempt.
  ///
  /// - Parameters:
  ///   - configuration: Where to connect to, and as whom.
  ///   - context: How to encrypt; nil for not at all.
  ///   - loop: Where everything happens.
  ///   - established: Called with the link; returns who takes it, nil if nobody does, whereupon it is closed.
  ///   - failed: Called with what went wrong.
  init(
    _ configuration: RedisConnection.Configuration,
    context: NIOSSLContext?,
    loop: any EventLoop,
    established: @escaping (Link) -> Link.Listener?,
    failed: @escaping (RedisError) -> Void
  ) {
    self.configuration = configuration
    self.context = context
    self.loop = loop
    self.established = established
    self.failed = failed
    self.pause = max(.milliseconds(100), configuration.reconnectPause.lowerBound)
  }

  /// Begins; must be called on the event loop.
  func start() {
    let bound = NIOLoopBound(self, eventLoop: self.loop)
    let limit = TimeAmount(self.configuration.connectTimeout)
    self.timer = self.loop.scheduleTask(in: limit) { bound.value.giveUp() }
    self.connect()
  }

  private func connect() {
    let bound = NIOLoopBound(self, eventLoop: self.loop)
    let limit = TimeAmount(self.configuration.connectTimeout)
    let connected = ClientBootstrap(group: self.loop)
      // The limit of the whole attempt ends it first.
      .connectTimeout(limit + .seconds(1))
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try bound.value.addHandlers(to: channel) }
      }
      .connect(host: self.configuration.host, port: self.configuration.port)
    connected.assumeIsolated().whenComplete { result in
      switch result {
      case .success(let channel): self.greet(channel)
      case .failure(let error): self.finish(DialError.connecting(error, self.configuration))
      }
    }
  }

  /// Ends the attempt, unless it has ended.
  func abandon(_ error: RedisError) {
    self.finish(error)
    self.handler?.end(error)
  }

  private func giveUp() {
    self.abandon(self.lastError ?? DialError.timedOut(isConnected: self.handler != nil, self.configuration))
  }

  private func finish(_ error: RedisError) {
    guard !self.isOver else { return }
    self.isOver = true
    self.timer?.cancel()
    self.retry?.cancel()
    self.failed(error)
  }

  /// Called for every address that is tried.
  private func addHandlers(to channel: any Channel) throws {
    if let context {
      let name = self.configuration.tls?.serverName ?? self.configuration.host
      // An address cannot be asked for by name; the certificate is then compared with the address.
      let isAddress = (try? SocketAddress(ipAddress: name, port: 0)) != nil
      let tls = try NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : name)
      try channel.pipeline.syncOperations.addHandler(tls)
    }
    try channel.pipeline.syncOperations.addHandler(LinkHandler(self.configuration))
  }

  private func greet(_ channel: any Channel) {
    guard !self.isOver, let handler = try? channel.pipeline.syncOperations.handler(type: LinkHandler.self) else {
      return channel.close(promise: nil)
    }
    self.handler = handler
    handler.begin(on: channel) { result in
      guard !self.isOver else { return nil }
      switch result {
      case .failure(let failure):
        self.remedy(failure)
        return nil
      case .success(let server):
        self.isOver = true
        self.timer?.cancel()
        return self.established(self.link(channel, handler, server))
      }
    }
  }

  private func remedy(_ failure: Handshake.Failure) {
    switch failure.remedy {
    case nil: self.finish(failure.error)
    case .olderProtocol:
      self.handler = nil
      self.configuration.protocolVersion = .resp2
      self.connect()
    case .anotherTry:
      self.handler = nil
      self.lastError = failure.error
      let bound = NIOLoopBound(self, eventLoop: self.loop)
      // Left to chance by half, so that clients do not all come back at the same moment.
      let pause = TimeAmount(self.pause * Double.random(in: 0.5...1))
      self.retry = self.loop.scheduleTask(in: pause) { if !bound.value.isOver { bound.value.connect() } }
      self.pause = min(self.pause * 2, .seconds(1))
    }
  }

  private func link(_ channel: any Channel, _ handler: LinkHandler, _ server: RedisServerIdentity?) -> Link {
    var descriptor: CInt?
    if self.context == nil {
      // Without a second descriptor everything goes through the channel, which is slower and no less right.
      descriptor =
        try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable { (own: NIOBSDSocket.Handle) in
          duplicate(own)
        } ?? nil
    }
    return Link(
      channel: channel,
      handler: NIOLoopBound(handler, eventLoop: self.loop),
      server: server,
      madeAt: .now(),
      descriptor: descriptor
    )
  }
}

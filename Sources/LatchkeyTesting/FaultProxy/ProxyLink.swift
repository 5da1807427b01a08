internal import NIOCore
internal import NIOPosix

#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// One client's connection through a proxy: two channels, and a lane for each way.
final class ProxyLink {
  let number: Int
  /// From the client to the server.
  let up: ProxyLane
  /// From the server to the client.
  let down: ProxyLane
  /// Follows both ways.
  var reader: (any FrameReader)?
  private let client: any Channel
  private var server: (any Channel)?
  private let core: ProxyCore
  private var isOver = false

  init(number: Int, client: any Channel, core: ProxyCore) {
    self.number = number
    self.client = client
    self.core = core
    self.reader = core.framing.makeReader?()
    self.up = ProxyLane(.clientToServer, core: core)
    self.down = ProxyLane(.serverToClient, core: core)
    self.up.link = self
    self.down.link = self
    self.down.output = client
  }

  /// Connects to the server; the client is reset if that fails.
  func connect(to target: FaultProxy.Target) throws {
    try self.client.pipeline.syncOperations.addHandler(ProxyHandler(lane: self.up))
    let lane = NIOLoopBound(self.down, eventLoop: self.core.loop)
    let connected = ClientBootstrap(group: self.core.loop)
      .channelOption(.allowRemoteHalfClosure, value: true)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(ProxyHandler(lane: lane.value))
        }
      }
      .connect(host: target.host, port: target.port)
    connected.assumeIsolated().whenComplete { result in
      switch result {
      case .success(let server): self.hasConnected(server)
      case .failure: self.reset()
      }
    }
  }

  private func hasConnected(_ server: any Channel) {
    self.server = server
    guard !self.isOver else { return Self.abort(server) }
    self.up.output = server
    self.client.setOption(.autoRead, value: true).whenFailure { [client] _ in client.close(promise: nil) }
    self.up.pump()
  }

  /// Resets both sides.
  func reset() {
    guard !self.isOver else { return }
    // First, so that neither channel's end is passed on to the other as an end in good order.
    self.finish()
    Self.abort(self.client)
    if let server { Self.abort(server) }
  }

  /// Ends the connection behind the last frame of a lane: in good order for its receiver, by a reset for its sender.
  func reset(after lane: ProxyLane) {
    guard !self.isOver else { return }
    let sender = lane === self.up ? self.client : self.server
    self.finish()
    if let sender { Self.abort(sender) }
    lane.output?.close(promise: nil)
  }

  /// Called when a lane can deliver nothing any more; the sender learns of it as from the receiver itself.
  func cannotDeliver(_ lane: ProxyLane) {
    (lane === self.up ? self.down : self.up).breakOff()
  }

  /// Called when a lane has delivered the end of its bytes.
  func hasEnded(_ lane: ProxyLane) {
    guard !self.isOver, self.up.hasEnded, self.down.hasEnded else { return }
    self.finish()
    self.client.close(promise: nil)
    self.server?.close(promise: nil)
  }

  private func finish() {
    self.isOver = true
    self.up.discard()
    self.down.discard()
    self.core.forget(self)
  }

  /// Closes a channel so that the other end sees a reset.
  private static func abort(_ channel: any Channel) {
    _ = (channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
    channel.close(promise: nil)
  }
}

/// Feeds what one side sends into its lane.
private final class ProxyHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let lane: ProxyLane

  init(lane: ProxyLane) {
    self.lane = lane
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    self.lane.receive(self.unwrapInboundIn(data))
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case ChannelEvent.inputClosed = event { self.lane.end() }
    context.fireUserInboundEventTriggered(event)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    self.lane.breakOff()
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    // Without an error before, the sender has ended in good order.
    self.lane.end()
  }
}

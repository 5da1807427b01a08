internal import Latchkey
internal import NIOCore
internal import NIOPosix

/// Stands between clients and a server and does to their connections what networks do: delays, losses, silence, resets.
///
/// ```swift
/// try await withFaultProxy(to: server.port, framing: .zooKeeper) { proxy in
///   let lost = await proxy.dropReply(to: { $0.zooKeeperOperation == .createAndState }, thenReset: true)
///   let configuration = ZooKeeperClient.Configuration(connectString: proxy.connectString)
///   try await ZooKeeperClient.withClient(configuration) { client in
///     _ = try await client.create("/orders")  // the node is made, and the client never hears of it
///   }
///   try await lost.struck()
/// }
/// ```
///
/// Every method may be called from any task, and what it asks for is in force when it returns. A proxy that is dropped
/// stops.
public final class FaultProxy: Sendable {
  /// The loopback port that clients connect to.
  public let port: Int

  private let host: String
  private let loop: any EventLoop
  private let core: NIOLoopBoundBox<ProxyCore>

  /// Starts a proxy on a free loopback port.
  ///
  /// - Parameters:
  ///   - target: The loopback port of the server.
  ///   - framing: How the protocol divides its bytes into messages.
  public static func start(to target: Int, framing: Framing = .raw) async throws -> FaultProxy {
    try await self.start(to: Target(port: target), framing: framing)
  }

  /// Starts a proxy on a free loopback port, in front of a server that may be anywhere.
  ///
  /// - Parameters:
  ///   - target: The server.
  ///   - framing: How the protocol divides its bytes into messages.
  ///   - host: The loopback address to listen on: `127.0.0.1` or `::1`.
  package static func start(
    to target: Target,
    framing: Framing = .raw,
    host: String = "127.0.0.1"
  ) async throws -> FaultProxy {
    try await withFreshPorts(1) { ports in
      let proxy = FaultProxy(host: host, port: ports[0], target: target, framing: framing)
      try await proxy.listen()
      return proxy
    }
  }

  private init(host: String, port: Int, target: Target, framing: Framing) {
    self.host = host
    self.port = port
    self.loop = MultiThreadedEventLoopGroup.singleton.any()
    let core = ProxyCore(loop: self.loop, target: target, framing: framing)
    self.core = .makeBoxSendingValue(core, eventLoop: self.loop)
  }

  deinit {
    self.loop.execute { [core, port] in
      core.value.resetAll()
      core.value.listener?.close(promise: nil)
      FreePorts.giveBack([port])
    }
  }

  /// The address for clients, as `host:port`.
  public var connectString: String {
    self.host.contains(":") ? "[\(self.host)]:\(self.port)" : "\(self.host):\(self.port)"
  }

  /// Ends all connections and stops listening.
  public func stop() async {
    await self.stopListening()
    await self.run { $0.resetAll() }
  }

  /// What has gone through so far.
  package var counters: Counters {
    get async { await self.run { $0.counters } }
  }

  /// Why rules for frames cannot work as they should, if there is a reason: a client speaks TLS where messages are to be told
  /// apart, or headers cannot be read. Nil where all is well.
  public var complaint: ServerError? {
    get async { await self.run { $0.complaint } }
  }

  /// Sends connections that are made from now on to another server on this machine.
  package func retarget(to port: Int) async {
    await self.run { $0.target = Target(port: port) }
  }

  /// Runs something where the proxy's state lives.
  func run<R: Sendable>(_ body: @escaping @Sendable (ProxyCore) -> R) async -> R {
    await withCheckedContinuation { continuation in
      self.loop.execute { [core] in continuation.resume(returning: body(core.value)) }
    }
  }

  /// Waits until something is true of the proxy's state, which is asked after every change.
  func wait(
    within limit: Duration,
    for what: String,
    until isTrue: @escaping @Sendable (ProxyCore) -> Bool
  ) async throws {
    let promise = self.loop.makePromise(of: Bool.self)
    let hasHappened = try await withTaskCancellationHandler {
      self.loop.execute { [core] in
        core.value.notify(promise, within: TimeAmount(limit), when: isTrue)
      }
      return try await promise.futureResult.get()
    } onCancel: {
      promise.fail(CancellationError())
    }
    guard hasHappened else {
      let counters = await self.counters
      throw ServerError(.notReady, "\(what) has not happened within \(limit). The proxy has seen: \(counters)")
    }
  }

  /// Takes new connections.
  func listen() async throws {
    let core = self.core
    let bootstrap = ServerBootstrap(group: self.loop)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      .childChannelOption(.autoRead, value: false)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try core.value.accept(channel) }
      }
    let listener: any Channel
    do {
      listener = try await bootstrap.bind(host: self.host, port: self.port).get()
    } catch let error as IOError where error.errnoCode == addressInUse {
      throw ServerError(.addressInUse, "The proxy cannot listen on port \(self.port): \(error)")
    }
    await self.run { $0.listener = listener }
  }

  /// Takes no more connections: clients that try are refused.
  func stopListening() async {
    let listener = await self.run { core in
      defer { core.listener = nil }
      return core.listener
    }
    // The only error is that it is closed already.
    try? await listener?.close().get()
  }
}

/// Runs a body with a proxy in front of a server; the proxy is stopped whichever way the body ends.
///
/// - Parameters:
///   - target: The loopback port of the server.
///   - framing: How the protocol divides its bytes into messages.
///   - isolation: The actor to stay on; leave it out.
///   - body: What to do with the proxy.
/// - Returns: What the body returned.
/// - Throws: ``ServerError`` when the proxy cannot listen, or when rules for frames could not work, see
///   ``FaultProxy/complaint``, whatever else the body throws; what the body throws.
public func withFaultProxy<R>(
  to target: Int,
  framing: FaultProxy.Framing = .raw,
  isolation: isolated (any Actor)? = #isolation,
  _ body: (FaultProxy) async throws -> sending R
) async throws -> sending R {
  let proxy = try await FaultProxy.start(to: target, framing: framing)
  do {
    let result = try await body(proxy)
    await proxy.stop()
    if let complaint = await proxy.complaint { throw complaint }
    return result
  } catch {
    await proxy.stop()
    // The cause, where the body's error is but its effect.
    throw await proxy.complaint ?? error
  }
}

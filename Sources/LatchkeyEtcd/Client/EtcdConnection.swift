#if Etcd
internal import GRPCCore
internal import GRPCNIOTransportHTTP2Posix
internal import Latchkey
internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import SwiftProtobuf

/// One gRPC connection to one member. Made once, used by all calls and streams of a client, and never repaired: when it
/// breaks, another takes its place.
final class EtcdConnection: Sendable {
  private typealias Transport = HTTP2ClientTransport.WrappedChannel

  let endpoint: EtcdEndpoint
  private let transport: Transport
  private let channel: any Channel
  private let executor: LoopExecutor

  private init(endpoint: EtcdEndpoint, transport: Transport, channel: any Channel, executor: LoopExecutor) {
    self.endpoint = endpoint
    self.transport = transport
    self.channel = channel
    self.executor = executor
  }

  /// Connects, and waits until the server has said something.
  ///
  /// - Parameters:
  ///   - endpoint: The member.
  ///   - tls: What to encrypt with; nil for plain text.
  ///   - serverName: The name to expect in the member's certificate; nil for the endpoint's host.
  ///   - executor: Where everything of the connection runs.
  ///   - timeout: How long all of this may take.
  static func open(
    _ endpoint: EtcdEndpoint,
    tls: NIOSSLContext?,
    serverName: String?,
    executor: LoopExecutor,
    timeout: Duration
  ) async throws(EtcdError) -> EtcdConnection {
    let loop = executor.loop
    let ready = loop.makePromise(of: Void.self)
    let limit = loop.scheduleTask(in: TimeAmount(timeout)) { ready.fail(Silent(limit: timeout)) }
    defer { limit.cancel() }
    var opened: (any Channel)?
    do {
      var config = Transport.Config.defaults
      config.http2.authority = endpoint.description
      let channel = Locked<(any Channel)?>(nil)
      let transport: Transport
      do {
        transport = try await Transport.wrapping(config: config) { configure in
          let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(TimeAmount(timeout))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
          return try await bootstrap.connect(host: endpoint.host, port: endpoint.port) { connected in
            connected.eventLoop.makeCompletedFuture {
              let pipeline = connected.pipeline.syncOperations
              if let tls { try pipeline.addHandler(Self.client(tls, expecting: serverName ?? endpoint.host)) }
              try pipeline.addHandler(FirstBytes(arrived: ready))
              try pipeline.addHandler(PingHandler())
            }.flatMap {
              channel.withLock { $0 = connected }
              return configure(connected)
            }
          }
        }
      } catch {
        ready.fail(error)
        throw error
      }
      opened = channel.withLock { $0 }
      guard let opened else { throw EtcdError(.unreachable, "\(endpoint): the connection vanished") }
      let connection = EtcdConnection(endpoint: endpoint, transport: transport, channel: opened, executor: executor)
      connection.run()
      try await ready.futureResult.get()
      return connection
    } catch {
      opened?.close(promise: nil)
      if let error = error as? EtcdError { throw error }
      throw EtcdError(.unreachable, "\(endpoint): \(Self.describe(error))")
    }
  }

  /// Calls the handler when the connection is closed, whoever closed it.
  func onClose(_ handler: @escaping @Sendable () -> Void) {
    self.channel.closeFuture.whenComplete { _ in handler() }
  }

  /// Closes at once; calls in flight fail.
  func close() {
    self.channel.close(promise: nil)
  }

  /// Sends one request and waits for its answer.
  func call<Request, Response>(
    _ method: EtcdMethod<Request, Response>,
    _ request: Request,
    metadata: Metadata,
    timeout: Duration
  ) async throws(EtcdError) -> Response {
    let call = Task(executorPreference: self.executor) {
      let bytes = GRPCNIOTransportBytes(try request.serializedBytes() as [UInt8])
      return try await self.transport.withStream(descriptor: method.descriptor, options: .defaults) { stream, _ in
        try await stream.outbound.write(contentsOf: [.metadata(metadata), .message(bytes)])
        await stream.outbound.finish()
        return try await Self.answer(of: stream.inbound, as: Response.self)
      }
    }
    let isLate = Locked(false)
    let timer = self.executor.loop.scheduleTask(in: TimeAmount(timeout)) {
      isLate.withLock { $0 = true }
      call.cancel()
    }
    let result = await call.result
    timer.cancel()
    do {
      return try result.get()
    } catch {
      guard !isLate.withLock({ $0 }) else {
        throw EtcdError(.timedOut, "\(self.endpoint): no answer within \(timeout)")
      }
      throw EtcdError(error, endpoint: self.endpoint)
    }
  }

  /// Opens a stream both ways, and returns when it has ended; to end it, cancel the task.
  ///
  /// - Parameters:
  ///   - method: The call.
  ///   - requests: What to send; its end does not end the stream.
  ///   - metadata: What goes along.
  ///   - onResponse: Told every answer, in order.
  /// - Throws: ``EtcdError``, always: a stream that the server ends in good order has failed too.
  func stream<Request, Response>(
    _ method: EtcdMethod<Request, Response>,
    _ requests: AsyncStream<Request>,
    metadata: Metadata,
    onResponse: @escaping @Sendable (Response) -> Void
  ) async throws(EtcdError) {
    do {
      try await self.transport.withStream(descriptor: method.descriptor, options: .defaults) { stream, _ in
        try await withThrowingTaskGroup(of: Void.self) { group in
          let outbound = stream.outbound
          group.addTask {
            try await outbound.write(.metadata(metadata))
            for await request in requests {
              try await outbound.write(.message(GRPCNIOTransportBytes(try request.serializedBytes() as [UInt8])))
            }
          }
          for try await part in stream.inbound {
            switch part {
            case .metadata: continue
            case .message(let bytes): onResponse(try Self.decode(bytes))
            case .status(let status, _): throw Self.error(of: status)
            }
          }
          group.cancelAll()
        }
      }
    } catch {
      throw EtcdError(error, endpoint: self.endpoint)
    }
    throw EtcdError(.unreachable, "\(self.endpoint): the stream ended")
  }

  private func run() {
    // Ends when the channel is closed. Its error is that of the channel, which every call and stream reports for itself.
    Task.detached(executorPreference: self.executor) { [transport] in try? await transport.connect() }
  }

  private static func answer<Response: SwiftProtobuf.Message>(
    of inbound: RPCAsyncSequence<RPCResponsePart<GRPCNIOTransportBytes>, any Error>,
    as: Response.Type
  ) async throws -> Response {
    var response: Response?
    for try await part in inbound {
      switch part {
      case .metadata: continue
      case .message(let bytes): response = try Self.decode(bytes)
      case .status(let status, _):
        guard status.code == .ok else { throw Self.error(of: status) }
      }
    }
    guard let response else { throw RPCError(code: .unavailable, message: "the connection broke before the answer") }
    return response
  }

  private static func decode<Response: SwiftProtobuf.Message>(_ bytes: GRPCNIOTransportBytes) throws -> Response {
    try bytes.withUnsafeBytes { try Response(serializedBytes: Array($0)) }
  }

  private static func error(of status: Status) -> RPCError {
    RPCError(status: status) ?? RPCError(code: .unavailable, message: "the server ended the stream")
  }

  private static func client(_ tls: NIOSSLContext, expecting name: String) throws -> NIOSSLClientHandler {
    // An address is nothing that may be sent as the name of the server; its certificate is checked for it all the same.
    let isAddress = (try? SocketAddress(ipAddress: name, port: 0)) != nil
    return try NIOSSLClientHandler(context: tls, serverHostname: isAddress ? nil : name)
  }

  private struct Silent: Error {
    let limit: Duration
  }

  private static func describe(_ error: any Error) -> String {
    switch error {
    case let silent as Silent: "connected, but the server said nothing within \(silent.limit)"
    case let error as NIOConnectionError:
      error.dnsAError.map { "cannot find the host: \($0)" }
        ?? "cannot connect: \(error.connectionErrors.first.map { "\($0.error)" } ?? "no address")"
    default: "\(error)"
    }
  }
}
#endif

#if Etcd
internal import Latchkey
internal import LatchkeyNetwork
internal import LatchkeyPrimitives
internal import NIOCore
internal import NIOHPACK
internal import NIOHTTP2
internal import NIOPosix
internal import NIOSSL
internal import SwiftProtobuf

/// One gRPC connection to one member. Made once, used by all calls and streams of a client, and never repaired: when it
/// breaks, another takes its place.
final class EtcdConnection: Sendable {
  let endpoint: EtcdEndpoint
  private let channel: any Channel
  private let calls: NIOLoopBound<CallHandler>
  private let scheme: String
  private let executor: LoopExecutor

  private init(
    endpoint: EtcdEndpoint,
    channel: any Channel,
    calls: NIOLoopBound<CallHandler>,
    scheme: String,
    executor: LoopExecutor
  ) {
    self.executor = executor
    self.endpoint = endpoint
    self.channel = channel
    self.calls = calls
    self.scheme = scheme
  }

  /// Connects, and waits until the server has said something.
  ///
  /// - Parameters:
  ///   - endpoint: The member.
  ///   - tls: What to encrypt with; nil for plain text.
  ///   - serverName: The name to expect in the member's certificate; nil for the endpoint's host.
  ///   - executor: Where everything of the connection happens.
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
    let limit = loop.scheduleTask(in: TimeAmount(timeout)) {
      ready.fail(Silent(limit: timeout, isEncrypted: tls != nil))
    }
    defer { limit.cancel() }
    let bootstrap = ClientBootstrap(group: loop)
      .connectTimeout(TimeAmount(timeout))
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let pipeline = channel.pipeline.syncOperations
          if let tls { try pipeline.addHandler(Self.client(tls, expecting: serverName ?? endpoint.host)) }
          try pipeline.addHandler(FirstBytes())
          try pipeline.addHandler(NIOHTTP2Handler(mode: .client, connectionConfiguration: Self.http2))
          try pipeline.addHandler(CallHandler())
        }
      }
    var opened: Opened?
    do {
      do {
        // On the loop, before anything can have come: what belongs to the one channel that was chosen, of several that may be
        // tried for one name.
        opened = try await bootstrap.connect(host: endpoint.host, port: endpoint.port).flatMapThrowing {
          channel -> Opened in
          let pipeline = channel.pipeline.syncOperations
          let calls = try pipeline.handler(type: CallHandler.self)
          calls.whenReady(ready)
          return Opened(
            channel: channel,
            calls: NIOLoopBound(calls, eventLoop: loop),
            firstBytes: NIOLoopBound(try pipeline.handler(type: FirstBytes.self), eventLoop: loop)
          )
        }.get()
      } catch {
        ready.fail(error)
        throw error
      }
      try await ready.futureResult.get()
      guard let opened else { preconditionFailure("ready without a channel") }
      let scheme = tls == nil ? "http" : "https"
      return EtcdConnection(
        endpoint: endpoint,
        channel: opened.channel,
        calls: opened.calls,
        scheme: scheme,
        executor: executor
      )
    } catch {
      opened?.channel.close(promise: nil)
      let trouble = Self.trouble(error, await Self.greeting(opened), isEncrypted: tls != nil)
      var failure = EtcdError(.unreachable, "\(endpoint): \(trouble?.what ?? Self.describe(error))")
      failure.trouble = trouble
      failure.isLasting = trouble?.isLasting ?? false
      throw failure
    }
  }

  /// A channel that is connected, and what stands in its pipeline.
  struct Opened: Sendable {
    let channel: any Channel
    let calls: NIOLoopBound<CallHandler>
    let firstBytes: NIOLoopBound<FirstBytes>
  }

  private static var http2: NIOHTTP2Handler.ConnectionConfiguration {
    var configuration = NIOHTTP2Handler.ConnectionConfiguration()
    configuration.initialSettings = [
      HTTP2Setting(parameter: .enablePush, value: 0),
      HTTP2Setting(parameter: .initialWindowSize, value: CallHandler.window),
      HTTP2Setting(parameter: .maxHeaderListSize, value: HPACKDecoder.defaultMaxHeaderListSize),
    ]
    // A Go server sends a PING with nearly every answer, to estimate the bandwidth. By default more than 200 in 30 seconds
    // count as an attack (apple/swift-nio-http2 pull request 561).
    configuration.controlFrameRateLimit.maximumCount = 1_000_000
    configuration.controlFrameRateLimit.windowLength = .seconds(1)
    return configuration
  }

  /// Calls the handler when the connection is closed, whoever closed it.
  func onClose(_ handler: @escaping @Sendable () -> Void) {
    self.channel.closeFuture.whenComplete { _ in handler() }
  }

  /// Closes at once; calls in flight fail.
  func close() {
    self.channel.close(promise: nil)
  }

  // MARK: Calls

  /// Sends one request and waits for its answer; not cut short by cancellation.
  func call<Request, Response>(
    _ method: EtcdMethod<Request, Response>,
    _ request: Request,
    token: String?,
    timeout: Duration
  ) async throws(EtcdError) -> Response {
    let bytes = Self.encode(request)
    let result: Result<ByteBuffer, EtcdError> = await withCheckedContinuation { continuation in
      self.onLoop {
        self.start(method.path, bytes, token: token, timeout: timeout) { continuation.resume(returning: $0) }
      }
    }
    return try self.decode(try result.get())
  }

  private func start(
    _ path: String,
    _ message: [UInt8],
    token: String?,
    timeout: Duration,
    _ done: @escaping (Result<ByteBuffer, EtcdError>) -> Void
  ) {
    let calls = self.calls.value
    var answer: ByteBuffer?
    var timer: Scheduled<Void>?
    let call = CallHandler.Call(
      onMessage: { answer = $0 },
      onEnd: { status in
        timer?.cancel()
        if status.code == .ok, let answer { return done(.success(answer)) }
        let status = status.code == .ok ? CallStatus(.unavailable, "a call without an answer") : status
        done(.failure(EtcdError(status, endpoint: self.endpoint)))
      }
    )
    let milliseconds = max(1, timeout / .milliseconds(1))
    var headers = self.headers(path, token: token)
    headers.add(name: "grpc-timeout", value: "\(min(99_999_999, Int(milliseconds)))m")
    guard let stream = calls.start(headers, call) else { return }
    // Made of values that the loop alone touches: the box says so to the compiler.
    let late = NIOLoopBound(
      {
        // Not if it has ended while it was being sent, before this was set.
        guard calls.cancel(stream) else { return }
        done(.failure(EtcdError(.timedOut, "\(self.endpoint): no answer within \(timeout)")))
      },
      eventLoop: self.channel.eventLoop
    )
    timer = self.channel.eventLoop.scheduleTask(in: TimeAmount(timeout)) { late.value() }
    calls.send(message, on: stream, isLast: true)
  }

  /// Opens a stream both ways, and returns when it has ended; to end it, cancel the task.
  ///
  /// - Parameters:
  ///   - method: The call.
  ///   - requests: What to send; its end does not end the stream.
  ///   - token: Who we are.
  ///   - onResponse: Told every answer, in order, on the connection's thread.
  /// - Throws: ``EtcdError``, always: a stream that the server ends in good order has failed too. One that was given up has the
  ///   code `cancelled`, which says nothing against the connection.
  func stream<Request, Response>(
    _ method: EtcdMethod<Request, Response>,
    _ requests: AsyncStream<Request>,
    token: String?,
    onResponse: @escaping @Sendable (Response) -> Void
  ) async throws(EtcdError) {
    // How the stream ended; nil if we gave it up.
    let ended = OneShot<CallStatus?>()
    // Not cut short by cancellation: who does not know the stream's number cannot end it.
    let opened: HTTP2StreamID? = await withCheckedContinuation { continuation in
      self.onLoop {
        let calls = self.calls.value
        let call = CallHandler.Call(
          onMessage: { bytes in
            do throws(EtcdError) {
              onResponse(try self.decode(bytes))
            } catch {
              ended.resolve(CallStatus(.internalError, error.message))
            }
          },
          onEnd: { ended.resolve($0) }
        )
        var headers = self.headers(method.path, token: token)
        // A member that loses its leader then ends the stream instead of keeping it open and saying nothing.
        headers.add(name: "hasleader", value: "true")
        continuation.resume(returning: calls.start(headers, call))
      }
    }
    guard let stream = opened else {
      throw EtcdError(.unreachable, "\(self.endpoint): the stream could not be opened")
    }
    let pump = Task(executorPreference: self.executor) {
      for await request in requests {
        let bytes = Self.encode(request)
        self.onLoop { self.calls.value.send(bytes, on: stream, isLast: false) }
      }
    }
    let end = await ended.wait(cancelled: nil)
    pump.cancel()
    self.onLoop { self.calls.value.cancel(stream) }
    guard let status = end else { throw EtcdError(.cancelled, "\(self.endpoint): the stream was given up") }
    throw EtcdError(status.code == .ok ? CallStatus(.unavailable, "the stream ended") : status, endpoint: self.endpoint)
  }

  private func onLoop(_ body: @escaping @Sendable () -> Void) {
    let loop = self.channel.eventLoop
    if loop.inEventLoop { body() } else { loop.execute(body) }
  }

  private func headers(_ path: String, token: String?) -> HPACKHeaders {
    var headers = HPACKHeaders()
    headers.add(name: ":method", value: "POST")
    headers.add(name: ":scheme", value: self.scheme)
    headers.add(name: ":path", value: path)
    headers.add(name: ":authority", value: self.endpoint.description)
    headers.add(name: "content-type", value: "application/grpc")
    headers.add(name: "te", value: "trailers")
    if let token { headers.add(name: "token", value: token) }
    return headers
  }

  private static func encode(_ message: some SwiftProtobuf.Message) -> [UInt8] {
    do {
      return try message.serializedBytes()
    } catch {
      // Only messages with required fields, or with text that is no Unicode, cannot be encoded: ours have neither.
      preconditionFailure("a request cannot be encoded: \(error)")
    }
  }

  private func decode<Response: SwiftProtobuf.Message>(_ bytes: ByteBuffer) throws(EtcdError) -> Response {
    do {
      return try Response(serializedBytes: Array(bytes.readableBytesView))
    } catch {
      throw EtcdError(.refused, "\(self.endpoint): an answer that cannot be read: \(error)")
    }
  }

  private static func client(_ tls: NIOSSLContext, expecting name: String) throws -> NIOSSLClientHandler {
    // An address is nothing that may be sent as the name of the server; its certificate is checked for it all the same.
    let isAddress = (try? SocketAddress(ipAddress: name, port: 0)) != nil
    return try NIOSSLClientHandler(context: tls, serverHostname: isAddress ? nil : name)
  }
}
#endif

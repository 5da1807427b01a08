#if Etcd
internal import NIOCore
internal import NIOHPACK
internal import NIOHTTP2

/// gRPC on one HTTP/2 connection: the calls that are open, by the streams that they have.
///
/// Right on the frames. A channel for each call, with the tasks and sequences that belong to it, costs more than ten times
/// what the call itself does. Everything here happens on the connection's thread.
final class CallHandler: ChannelInboundHandler {
  typealias InboundIn = HTTP2Frame
  typealias OutboundOut = HTTP2Frame

  /// One call, from its start to its end.
  struct Call {
    let onMessage: (ByteBuffer) -> Void
    let onEnd: (CallStatus) -> Void
    fileprivate var received = GRPCMessages()
    fileprivate var unacknowledged = 0

    init(onMessage: @escaping (ByteBuffer) -> Void, onEnd: @escaping (CallStatus) -> Void) {
      self.onMessage = onMessage
      self.onEnd = onEnd
    }
  }

  /// How much may come unasked on a stream and on all of them together.
  static let window = 1 << 20

  private var calls: [HTTP2StreamID: Call] = [:]
  private var next = HTTP2StreamID(1)
  private var unacknowledged = 0
  private var context: ChannelHandlerContext?
  private var failure: (any Error)?
  private var isFlushPlanned = false
  /// Whether the server has spoken HTTP/2, or why it will not; nil while nobody knows.
  private var readiness: Result<Void, any Error>?
  private var ready: EventLoopPromise<Void>?

  /// Keeps a promise when the server has spoken HTTP/2. Each channel of several that are tried for one name has its own handler;
  /// only that of the one which was chosen is asked.
  func whenReady(_ promise: EventLoopPromise<Void>) {
    if let readiness { promise.completeWith(readiness) } else { self.ready = promise }
  }

  private func settle(_ readiness: Result<Void, any Error>) {
    guard self.readiness == nil else { return }
    self.readiness = readiness
    self.ready?.completeWith(readiness)
    self.ready = nil
  }

  // MARK: Calls

  /// Begins a call; nil, and told its end, if the connection is closed.
  func start(_ headers: HPACKHeaders, _ call: Call) -> HTTP2StreamID? {
    guard let context = self.context, context.channel.isActive, self.next < .maxID else {
      call.onEnd(CallStatus(.unavailable, self.closedMessage))
      return nil
    }
    let stream = self.next
    self.next = stream.advanced(by: 2)
    self.calls[stream] = call
    let payload = HTTP2Frame.FramePayload.headers(.init(headers: headers))
    context.write(self.wrapOutboundOut(HTTP2Frame(streamID: stream, payload: payload)), promise: nil)
    return stream
  }

  /// Sends a message of a call.
  func send(_ message: [UInt8], on stream: HTTP2StreamID, isLast: Bool) {
    guard let context = self.context, self.calls[stream] != nil else { return }
    var bytes = context.channel.allocator.buffer(capacity: 5 + message.count)
    bytes.writeInteger(0 as UInt8)  // not compressed
    bytes.writeInteger(UInt32(message.count))
    bytes.writeBytes(message)
    let payload = HTTP2Frame.FramePayload.data(.init(data: .byteBuffer(bytes), endStream: isLast))
    context.write(self.wrapOutboundOut(HTTP2Frame(streamID: stream, payload: payload)), promise: nil)
    self.planFlush(context)
  }

  /// Flushes once for all that is sent in one turn of the loop: a packet costs more than what is in it.
  private func planFlush(_ context: ChannelHandlerContext) {
    guard !self.isFlushPlanned else { return }
    self.isFlushPlanned = true
    context.eventLoop.assumeIsolated().execute {
      self.isFlushPlanned = false
      context.flush()
    }
  }

  /// Gives a call up; it is not told its end.
  ///
  /// - Returns: Whether it had not ended.
  @discardableResult
  func cancel(_ stream: HTTP2StreamID) -> Bool {
    guard self.calls.removeValue(forKey: stream) != nil else { return false }
    if let context = self.context {
      let frame = HTTP2Frame(streamID: stream, payload: .rstStream(.cancel))
      context.writeAndFlush(self.wrapOutboundOut(frame), promise: nil)
    }
    return true
  }

  private func end(_ stream: HTTP2StreamID, _ status: CallStatus) {
    self.calls.removeValue(forKey: stream)?.onEnd(status)
  }

  private func endAll(_ status: CallStatus) {
    let calls = self.calls.values
    self.calls = [:]
    for call in calls { call.onEnd(status) }
  }

  private var closedMessage: String {
    self.failure.map { "the connection broke: \($0)" } ?? "the connection was closed"
  }

  // MARK: Frames

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let frame = self.unwrapInboundIn(data)
    switch frame.payload {
    case .settings: self.settle(.success(()))
    case .headers(let headers): self.received(headers, on: frame.streamID)
    case .data(let data): self.received(data, on: frame.streamID, context)
    case .rstStream(let code):
      self.end(frame.streamID, CallStatus(.unavailable, "the server broke the call off: \(code)"))
    case .goAway:
      // It will answer nothing that comes later, so others take over now.
      self.endAll(CallStatus(.unavailable, "the server is about to close the connection"))
      context.close(promise: nil)
    default: break
    }
  }

  private func received(_ headers: HTTP2Frame.FramePayload.Headers, on stream: HTTP2StreamID) {
    if headers.endStream {
      self.end(stream, CallStatus(trailers: headers.headers))
    } else if let status = headers.headers.first(name: ":status"), status != "200" {
      self.end(stream, CallStatus(.unavailable, "this is no gRPC: HTTP status \(status)"))
    }
  }

  private func received(
    _ data: HTTP2Frame.FramePayload.Data,
    on stream: HTTP2StreamID,
    _ context: ChannelHandlerContext
  ) {
    guard case .byteBuffer(var bytes) = data.data else { return }
    let count = bytes.readableBytes + (data.paddingBytes.map { $0 + 1 } ?? 0)
    self.unacknowledged += count
    if self.unacknowledged > Self.window / 4 {
      self.allow(self.unacknowledged, on: .rootStream, context)
      self.unacknowledged = 0
    }
    guard var call = self.calls[stream] else { return }
    call.received.append(&bytes)
    call.unacknowledged += count
    if call.unacknowledged > Self.window / 4, !data.endStream {
      self.allow(call.unacknowledged, on: stream, context)
      call.unacknowledged = 0
    }
    var messages: [ByteBuffer] = []
    var failure: CallStatus?
    do throws(GRPCMessages.Unreadable) {
      while let message = try call.received.next() { messages.append(message) }
    } catch {
      failure = CallStatus(.internalError, error.what)
    }
    self.calls[stream] = call
    // What came before a message that cannot be read counts, as it would if it had come by itself.
    for message in messages { call.onMessage(message) }
    if let failure, self.calls[stream] != nil {
      self.cancel(stream)
      return call.onEnd(failure)
    }
    if data.endStream { self.end(stream, CallStatus(.unavailable, "the server ended the call without a status")) }
  }

  private func allow(_ count: Int, on stream: HTTP2StreamID, _ context: ChannelHandlerContext) {
    let frame = HTTP2Frame(streamID: stream, payload: .windowUpdate(windowSizeIncrement: count))
    context.writeAndFlush(self.wrapOutboundOut(frame), promise: nil)
  }

  // MARK: The connection

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func channelActive(context: ChannelHandlerContext) {
    self.allow(Self.window, on: .rootStream, context)
    context.fireChannelActive()
  }

  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if self.failure == nil { self.failure = error }
    self.settle(.failure(error))
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    self.settle(.failure(self.failure ?? ClosedAtOnce()))
    self.endAll(CallStatus(.unavailable, self.closedMessage))
    context.fireChannelInactive()
  }

  /// The server closed the connection before it had said anything.
  struct ClosedAtOnce: Error {}
}
#endif

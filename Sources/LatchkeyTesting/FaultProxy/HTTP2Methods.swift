#if Etcd
internal import NIOCore
internal import NIOHPACK

/// Knows which method each stream of one HTTP/2 connection calls: the headers of the client's requests say it.
///
/// Headers are compressed with those before them on the same connection, so all of the client's are read, from the first on.
struct HTTP2Methods: FrameReader {
  /// How much is taken in of headers until they count as unreadable.
  struct Limits {
    /// The compressed headers of one request, in bytes.
    var block = 1 << 16
    /// The headers of one request, in bytes.
    var list = 1 << 16
    /// The table that headers refer back to, in bytes. Larger than the sender's does no harm: it refers to nothing that it has
    /// forgotten itself.
    var table = 1 << 16
  }

  private let limits: Limits
  private var decoder: HPACKDecoder
  private var methods: [Int32: String] = [:]
  /// Headers that go on in the next frame.
  private var unfinished: [UInt8]?
  /// Whether headers were met that cannot be read; all that follow are then unreadable too.
  private var isLost = false

  init(limits: Limits = Limits()) {
    self.limits = limits
    self.decoder = HPACKDecoder(
      allocator: ByteBufferAllocator(),
      maxDynamicTableSize: limits.table,
      maxHeaderListSize: limits.list
    )
  }

  /// How many streams are remembered.
  var openStreams: Int { self.methods.count }

  mutating func method(of frame: FaultProxy.Frame) throws(ServerError) -> String? {
    guard let read = HTTP2Frame(frame.bytes) else { return nil }
    if frame.direction == .clientToServer { try self.readHeaders(in: read, of: frame) }
    defer {
      // A stream is over when the server has answered, or either side gives it up.
      let isAnswered = frame.direction == .serverToClient && read.endsStream
      if isAnswered || read.kind == HTTP2Frame.Kind.reset { self.methods[read.stream] = nil }
    }
    return read.hasData ? self.methods[read.stream] : nil
  }

  private mutating func readHeaders(in read: HTTP2Frame, of frame: FaultProxy.Frame) throws(ServerError) {
    guard !self.isLost, read.kind == HTTP2Frame.Kind.headers || read.kind == HTTP2Frame.Kind.continuation else {
      return
    }
    let block = (self.unfinished ?? []) + (read.headerBlock ?? [])
    guard read.headerBlock != nil, (self.unfinished != nil) == (read.kind == HTTP2Frame.Kind.continuation) else {
      throw self.lost(frame, "a frame that does not fit together")
    }
    guard block.count <= self.limits.block else {
      throw self.lost(frame, "headers of more than \(self.limits.block) bytes")
    }
    guard read.endsHeaders else {
      self.unfinished = block
      return
    }
    self.unfinished = nil
    do {
      var buffer = ByteBuffer(bytes: block)
      let headers = try self.decoder.decodeHeaders(from: &buffer)
      // Trailers have no path.
      if let path = headers.first(name: ":path") { self.methods[read.stream] = path }
    } catch {
      throw self.lost(frame, "\(error)")
    }
  }

  private mutating func lost(_ frame: FaultProxy.Frame, _ reason: String) -> ServerError {
    self.isLost = true
    self.methods = [:]
    return ServerError(
      .unreadable,
      "The headers of HTTP/2 connection \(frame.connection) cannot be read (\(reason)), so rules that name a method do not "
        + "strike there."
    )
  }
}

extension FaultProxy.Frame {
  /// The gRPC method whose request or reply the frame carries, such as `/etcdserverpb.KV/Txn`: the path in the headers of its
  /// stream. Nil for all frames without a message, such as headers, and for other protocols.
  ///
  /// A message of more than 16,384 bytes comes in several frames, each of which counts. An answer that is only an error comes in
  /// headers. Headers cannot be lost alone: those that follow on the connection refer back to them.
  public var grpcMethod: String? { self.method }
}
#endif

extension FaultProxy.Framing {
  /// HTTP/2 without encryption, as gRPC speaks it: each frame by itself.
  ///
  /// Requests and replies are frames with data; what belongs together has the same stream, and
  /// ``FaultProxy/Frame/grpcMethod`` says what it calls. What is dropped is the data alone: to a gRPC client, a reply without it
  /// is an error. A reply that is lost as networks lose it takes the connection with it (`thenReset`).
  public static let http2 = {
    var framing = FaultProxy.Framing(
      length: { bytes in
        // A connection begins with a line that is no frame.
        if bytes.starts(with: HTTP2Frame.preface.prefix(min(3, bytes.count))) {
          return bytes.count >= HTTP2Frame.preface.count ? HTTP2Frame.preface.count : nil
        }
        guard let word = bytes.bigEndian(at: 0, as: UInt32.self) else { return nil }
        let length = HTTP2Frame.headerLength + Int(word >> 8)
        return bytes.count >= length ? length : nil
      },
      isRequest: { HTTP2Frame($0.bytes)?.hasData ?? false },
      isReply: { HTTP2Frame($0.bytes)?.hasData ?? false },
      correlation: { HTTP2Frame($0.bytes).map { Int64($0.stream) } }
    )
    #if Etcd
    framing.makeReader = { HTTP2Methods() }
    #endif
    return framing
  }()
}

extension FaultProxy.Framing {
  /// HTTP/2 without encryption, as gRPC speaks it: each frame by itself.
  ///
  /// Requests and replies are frames with data; what belongs together has the same stream.
  public static let http2 = FaultProxy.Framing(
    length: { bytes in
      // A connection begins with a line that is no frame.
      if bytes.starts(with: http2Preface.prefix(min(3, bytes.count))) {
        return bytes.count >= http2Preface.count ? http2Preface.count : nil
      }
      guard let word = bytes.bigEndian(at: 0, as: UInt32.self) else { return nil }
      let length = http2HeaderLength + Int(word >> 8)
      return bytes.count >= length ? length : nil
    },
    isRequest: { $0.hasHTTP2Data },
    isReply: { $0.hasHTTP2Data },
    correlation: { $0.http2Stream }
  )
}

private let http2Preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
private let http2HeaderLength = 9

extension FaultProxy.Frame {
  /// Whether it is a frame of HTTP/2 that carries data.
  fileprivate var hasHTTP2Data: Bool { self.bytes.count > http2HeaderLength && self.bytes[3] == 0 }

  fileprivate var http2Stream: Int64? {
    self.bytes[...].bigEndian(at: 5, as: UInt32.self).map { Int64($0 & 0x7FFF_FFFF) }
  }
}

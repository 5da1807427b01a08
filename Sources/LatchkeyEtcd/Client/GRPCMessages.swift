#if Etcd
internal import NIOCore

/// Finds the messages of gRPC in the data of a stream, however the bytes arrive: each stands behind a byte that says whether it is
/// compressed, and its length.
struct GRPCMessages {
  /// Messages are short; one of this size comes from no etcd.
  private static let maximumLength = 64 << 20
  private static let headerLength = 5

  /// What has come is no message that can be read, so neither is what follows it.
  struct Unreadable: Error {
    let what: String
  }

  /// What has come and was not taken yet.
  private var bytes = ByteBuffer()

  /// Takes what has arrived.
  mutating func append(_ bytes: inout ByteBuffer) {
    self.bytes.discardReadBytes()
    self.bytes.writeBuffer(&bytes)
  }

  /// The next message; nil while bytes are missing.
  ///
  /// - Throws: ``Unreadable``.
  mutating func next() throws(Unreadable) -> ByteBuffer? {
    let start = self.bytes.readerIndex
    guard let compressed = self.bytes.getInteger(at: start, as: UInt8.self),
      let length = self.bytes.getInteger(at: start + 1, as: UInt32.self)
    else { return nil }
    // We offer no compression, so nobody may use it.
    guard compressed == 0 else { throw Unreadable(what: "a compressed message, which nobody has asked for") }
    guard length <= Self.maximumLength else { throw Unreadable(what: "a message of \(length) bytes") }
    guard self.bytes.readableBytes >= Self.headerLength + Int(length) else { return nil }
    self.bytes.moveReaderIndex(forwardBy: Self.headerLength)
    return self.bytes.readSlice(length: Int(length))
  }
}
#endif

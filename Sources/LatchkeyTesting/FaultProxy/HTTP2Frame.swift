/// One frame of HTTP/2, taken apart (RFC 9113, section 4.1).
struct HTTP2Frame {
  /// The kinds of frames that say what belongs together.
  enum Kind {
    static let data: UInt8 = 0
    static let headers: UInt8 = 1
    static let reset: UInt8 = 3
    static let continuation: UInt8 = 9
  }

  /// What a connection begins with: a line that is no frame.
  static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
  /// How many bytes stand before each payload.
  static let headerLength = 9

  let kind: UInt8
  let stream: Int32
  let payload: ArraySlice<UInt8>
  private let flags: UInt8

  /// - Parameter bytes: A whole frame; nil is made of what is none.
  init?(_ bytes: [UInt8]) {
    guard bytes.count >= Self.headerLength, !bytes.starts(with: Self.preface),
      let stream = bytes[...].bigEndian(at: 5, as: UInt32.self)
    else { return nil }
    self.kind = bytes[3]
    self.flags = bytes[4]
    self.stream = Int32(stream & 0x7FFF_FFFF)
    self.payload = bytes[Self.headerLength...]
  }

  /// Whether it carries a piece of a message.
  var hasData: Bool { self.kind == Kind.data && !self.payload.isEmpty }

  /// Whether its sender says no more on its stream.
  var endsStream: Bool { (self.kind == Kind.data || self.kind == Kind.headers) && self.flags & 0x1 != 0 }

  /// Whether the headers end with it.
  var endsHeaders: Bool { self.flags & 0x4 != 0 }

  /// The compressed headers in it, or the piece of them, without what may stand before and behind; nil if that does not fit.
  var headerBlock: ArraySlice<UInt8>? {
    guard self.kind == Kind.headers else { return self.payload }
    var rest = self.payload
    var padding = 0
    if self.flags & 0x8 != 0 {
      guard let length = rest.popFirst() else { return nil }
      padding = Int(length)
    }
    let priority = self.flags & 0x20 != 0 ? 5 : 0
    guard rest.count >= priority + padding else { return nil }
    return rest.dropFirst(priority).dropLast(padding)
  }
}

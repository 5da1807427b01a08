internal import NIOCore

/// Finds messages in what a server sends, however the bytes arrive: RESP2 and RESP3 but for streamed strings and arrays,
/// which no Redis sends.
///
/// It reads each byte once, keeps what it has read of a message that is not whole, and believes no length: memory grows with
/// what has arrived, and a message beyond the limits is an error as soon as it says so. After an error nothing can be trusted
/// any more, and every further call throws it again.
struct RESPParser {
  /// An array, or what is like one, that is not whole yet.
  private struct Open {
    var kind: Aggregate
    var missing: Int
    var values: [RedisValue]
  }

  private enum Aggregate {
    case array, map, push, attribute
  }

  /// A string whose length is known.
  private struct Bulk {
    var kind: RESPType
    var count: Int
  }

  private enum Step {
    case missing
    case opened
    case value(RedisValue)
  }

  private let limits: RESPLimits
  private var open: [Open] = []
  private var bulk: Bulk?
  /// How much of the line that comes next has been searched for its end.
  private var searched = 0
  /// The bytes of this message, those of a string counted as soon as they are announced.
  private var bytes = 0
  private var values = 0
  private var failure: RedisError?

  init(limits: RESPLimits = RESPLimits()) {
    self.limits = limits
  }

  /// Takes the next message out of a buffer.
  ///
  /// - Parameter buffer: What has arrived and was not read yet; keep the rest and call again when more has come.
  /// - Returns: The message; nil while bytes are missing.
  /// - Throws: ``RedisError`` with the code `protocolViolation`.
  mutating func next(_ buffer: inout ByteBuffer) throws(RedisError) -> RESPFrame? {
    if let failure { throw failure }
    do throws(RedisError) {
      while true {
        switch try self.step(&buffer) {
        case .missing: return nil
        case .opened: break
        case .value(let value): if let frame = try self.place(value) { return frame }
        }
      }
    } catch {
      self.failure = error
      throw error
    }
  }

  /// Puts a value where it belongs; the message, if it was the last one missing.
  private mutating func place(_ value: RedisValue) throws(RedisError) -> RESPFrame? {
    var value = value
    while var last = self.open.popLast() {
      last.values.append(value)
      last.missing -= 1
      if last.missing > 0 {
        self.open.append(last)
        return nil
      }
      switch last.kind {
      case .array: value = .array(last.values)
      case .map: value = .map(last.values)
      case .push: return self.whole(.push(last.values))
      // It says something about the value that follows, which nobody has asked for.
      case .attribute: return nil
      }
    }
    return self.whole(.reply(value))
  }

  private mutating func whole(_ frame: RESPFrame) -> RESPFrame {
    self.bytes = 0
    self.values = 0
    return frame
  }

  private mutating func step(_ buffer: inout ByteBuffer) throws(RedisError) -> Step {
    if let bulk { return try self.string(bulk, &buffer) }
    guard let type = try self.type(of: buffer) else { return .missing }
    guard let line = try self.line(&buffer) else { return .missing }
    let text = line.dropFirst()
    switch type {
    case .simpleString: return .value(.string(Array(text)))
    case .simpleError: return .value(.error(String(decoding: text, as: UTF8.self)))
    case .integer: return .value(.integer(try RESPNumber.integer(text)))
    case .null:
      guard text.isEmpty else { throw .malformed("a null with the content \(excerpt(text))") }
      return .value(.null)
    case .boolean: return .value(.boolean(try RESPNumber.boolean(text)))
    case .double: return .value(.double(try RESPNumber.double(text)))
    case .bigNumber: return .value(.string(try RESPNumber.digits(text)))
    case .bulkString, .bulkError, .verbatimString:
      guard let count = try RESPNumber.length(text, nullable: type == .bulkString) else { return .value(.null) }
      guard count <= self.limits.messageBytes - self.bytes else {
        throw .malformed("a message of more than \(self.limits.messageBytes) bytes")
      }
      self.bytes += count
      self.bulk = Bulk(kind: type, count: count)
      return .opened
    case .array, .set, .map, .push, .attribute:
      return try self.open(type, text)
    }
  }

  private mutating func open(_ type: RESPType, _ text: ArraySlice<UInt8>) throws(RedisError) -> Step {
    guard let count = try RESPNumber.length(text, nullable: type == .array) else { return .value(.null) }
    let kind: Aggregate =
      switch type {
      case .map: .map
      case .push: .push
      case .attribute: .attribute
      default: .array
      }
    let isPairs = kind == .map || kind == .attribute
    guard count <= (self.limits.values - self.values) / (isPairs ? 2 : 1) else {
      throw .malformed("a message of more than \(self.limits.values) values")
    }
    guard self.open.count < self.limits.depth else {
      throw .malformed("arrays in arrays, more than \(self.limits.depth) deep")
    }
    guard kind != .push || self.open.isEmpty else { throw .malformed("a push inside another message") }
    let missing = isPairs ? 2 * count : count
    self.values += missing
    guard missing > 0 else {
      switch kind {
      case .array: return .value(.array([]))
      case .map: return .value(.map([]))
      case .push: throw .malformed("a push without a word")
      case .attribute: return .opened
      }
    }
    var values: [RedisValue] = []
    // Not as many as announced: that may be a lie.
    values.reserveCapacity(min(missing, 64))
    self.open.append(Open(kind: kind, missing: missing, values: values))
    return .opened
  }

  /// What comes next says by its first byte; nil without one.
  private func type(of buffer: ByteBuffer) throws(RedisError) -> RESPType? {
    guard let first = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) else { return nil }
    guard let type = RESPType(rawValue: first) else {
      throw .malformed(excerpt(buffer.readableBytesView.prefix(40)))
    }
    return type
  }

  /// The next line without its end; nil while that has not come.
  private mutating func line(_ buffer: inout ByteBuffer) throws(RedisError) -> [UInt8]? {
    let end = buffer.withUnsafeReadableBytes { bytes in
      bytes[min(self.searched, bytes.count)...].firstIndex(of: UInt8(ascii: "\n"))
    }
    guard let end else {
      self.searched = buffer.readableBytes
      guard self.searched <= self.limits.lineBytes else {
        throw .malformed("a line of more than \(self.limits.lineBytes) bytes")
      }
      return nil
    }
    self.searched = 0
    guard end <= self.limits.lineBytes else {
      throw .malformed("a line of more than \(self.limits.lineBytes) bytes")
    }
    guard var line = buffer.readBytes(length: end + 1), line.count >= 2, line[end - 1] == UInt8(ascii: "\r") else {
      throw .malformed("a line that ends without a carriage return")
    }
    line.removeLast(2)
    self.bytes += line.count
    guard self.bytes <= self.limits.messageBytes else {
      throw .malformed("a message of more than \(self.limits.messageBytes) bytes")
    }
    return line
  }

  private mutating func string(_ bulk: Bulk, _ buffer: inout ByteBuffer) throws(RedisError) -> Step {
    guard buffer.readableBytes >= bulk.count + 2 else { return .missing }
    guard let bytes = buffer.readBytes(length: bulk.count), buffer.readBytes(length: 2) == Array("\r\n".utf8) else {
      throw .malformed("a string that is longer than it says")
    }
    self.bulk = nil
    switch bulk.kind {
    case .bulkError: return .value(.error(String(decoding: bytes, as: UTF8.self)))
    case .verbatimString:
      guard bytes.count >= 4, bytes[3] == UInt8(ascii: ":") else {
        throw .malformed("a verbatim string that does not say what it is")
      }
      return .value(.string(Array(bytes.dropFirst(4))))
    default: return .value(.string(bytes))
    }
  }
}

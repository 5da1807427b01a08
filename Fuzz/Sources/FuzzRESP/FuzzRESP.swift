import FuzzSupport
import NIOCore

/// The decoder of Redis's protocol. Input: cuts up to a line break, then what the server sends.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  var input = FuzzInput(start, count)
  let cuts = input.bytes(upTo: UInt8(ascii: "\n"))
  let wire = input.bytes()
  // Small, so that short inputs reach them.
  let limits = RESPLimits(messageBytes: 256, values: 32, depth: 4, lineBytes: 64)

  let whole = Outcome(of: [wire], limits)
  for pieces in [wire.pieces(cutAt: cuts), wire.map { [$0] }] {
    let other = Outcome(of: pieces, limits)
    property(other == whole, "in pieces \(pieces): \(other), in one: \(whole)")
  }
  for frame in whole.frames {
    property(frame.cost.values <= limits.values + 1, "\(frame.cost.values) values: \(frame)")
    property(frame.cost.bytes <= limits.messageBytes, "\(frame.cost.bytes) bytes: \(frame)")
    property(frame.cost.depth <= limits.depth, "\(frame.cost.depth) deep: \(frame)")
    let again = Outcome(of: [frame.wire], RESPLimits())
    property(again.frames.map(\.exact) == [frame.exact] && again.code == nil, "\(frame), written and read: \(again)")
  }
  // What is allowed by default is a thousand times as much: libFuzzer's own limits see that it is not taken in advance.
  _ = Outcome(of: [wire], RESPLimits())

  let words = wire.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false).map(Array.init)
  let command = RedisCommand(words: words)
  _ = command.problem
  var sent = ByteBuffer()
  command.encode(into: &sent)
  let received = Outcome(of: Array(sent.readableBytesView).pieces(cutAt: cuts), RESPLimits())
  property(
    received.frames == [.reply(.array(words.map { .string($0) }))] && received.code == nil,
    "the command \(words) arrived as \(received)"
  )
  return 0
}

/// What a parser makes of bytes that arrive in pieces.
private struct Outcome: Equatable {
  var frames: [RESPFrame] = []
  var code: RedisError.Code?

  init(of pieces: [[UInt8]], _ limits: RESPLimits) {
    var parser = RESPParser(limits: limits)
    var buffer = ByteBuffer()
    do throws(RedisError) {
      for piece in pieces {
        buffer.writeBytes(piece)
        while let frame = try parser.next(&buffer) { self.frames.append(frame) }
        let longest = max(limits.lineBytes, limits.messageBytes) + 2
        property(buffer.readableBytes <= longest, "\(buffer.readableBytes) bytes wait to be read")
      }
    } catch {
      self.code = error.code
      let refuses = refusesMore(&parser, &buffer)
      property(refuses, "the parser has gone on after \(error)")
    }
  }

  static func == (left: Outcome, right: Outcome) -> Bool {
    left.frames.map(\.exact) == right.frames.map(\.exact) && left.code == right.code
  }
}

private func refusesMore(_ parser: inout RESPParser, _ buffer: inout ByteBuffer) -> Bool {
  do throws(RedisError) {
    buffer.writeString("+OK\r\n")
    _ = try parser.next(&buffer)
    return false
  } catch {
    return true
  }
}

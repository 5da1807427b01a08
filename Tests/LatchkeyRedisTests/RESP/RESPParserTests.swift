import LatchkeyTesting
import NIOCore
import Testing

@testable import LatchkeyRedis

@Suite("The parser")
struct RESPParserTests {
  @Test("understands a message of every kind", arguments: Corpus.frames.indices)
  func whole(index: Int) throws {
    let (wire, frame) = Corpus.frames[index]
    #expect(try parse([Array(wire.utf8)]) == [frame])
  }

  @Test("understands every message wherever it is cut in two")
  func everySplit() throws {
    for (wire, frame) in Corpus.frames {
      let bytes = Array(wire.utf8)
      for cut in 0...bytes.count {
        let frames = try parse([Array(bytes[..<cut]), Array(bytes[cut...])])
        #expect(frames == [frame], "\(wire.debugDescription) cut at \(cut)")
      }
    }
  }

  @Test("understands all messages in one stream, wherever that is cut in two, and byte by byte")
  func stream() throws {
    let bytes = Corpus.frames.flatMap { Array($0.wire.utf8) }
    let frames = Corpus.frames.map(\.frame)
    for cut in 0...bytes.count {
      #expect(try parse([Array(bytes[..<cut]), Array(bytes[cut...])]) == frames, "cut at \(cut)")
    }
    #expect(try parse(bytes.map { [$0] }) == frames)
  }

  @Test("gives nothing out before the last byte of a message has come")
  func patience() throws {
    for (wire, _) in Corpus.frames {
      let bytes = Array(wire.utf8)
      for cut in 0..<bytes.count {
        #expect(try parse([Array(bytes[..<cut])]).isEmpty, "\(wire.debugDescription) cut at \(cut)")
      }
    }
  }

  @Test("refuses what is not the protocol, at once and byte by byte, and goes on refusing", arguments: Corpus.malformed)
  func malformed(wire: String) {
    let bytes = Array(wire.utf8)
    for pieces in [[bytes], bytes.map { [$0] }] {
      var parser = RESPParser()
      var buffer = ByteBuffer()
      var error: RedisError?
      do throws(RedisError) {
        for piece in pieces {
          buffer.writeBytes(piece)
          while try parser.next(&buffer) != nil {}
        }
      } catch let caught {
        error = caught
      }
      #expect(error?.code == .protocolViolation)
      buffer.writeString("+OK\r\n")
      #expect(throws: RedisError.self) { try parser.next(&buffer) }
    }
  }

  @Test("says what came instead of Redis")
  func excerpt() {
    let error = #expect(throws: RedisError.self) { try parse([Array("HTTP/1.1 400 Bad Request\r\n".utf8)]) }
    #expect(error?.message.contains("\"HTTP/1.1 400 Bad Request..\"") == true)
  }

  @Test(
    "follows arrays in arrays to the limit, and no further",
    arguments: ["*1\r\n", "%1\r\n+k\r\n", "~1\r\n", "|1\r\n+k\r\n"]
  )
  func depth(opening: String) throws {
    let limit = RESPLimits().depth
    let allowed = String(repeating: opening, count: limit)
    #expect(try parse([Array((allowed + ":1\r\n").utf8)]).count == (opening.hasPrefix("|") ? 0 : 1))
    let error = #expect(throws: RedisError.self) { try parse([Array((allowed + opening).utf8)]) }
    #expect(error?.message.contains("deep") == true)
  }

  @Test("believes no length: what is announced costs no memory until it comes")
  func announcedArray() throws {
    // Each of 32 levels announces as many values as are allowed in all; the second level is already too much.
    let most = RESPLimits().values
    #expect(try parse([Array("*\(most)\r\n".utf8)]).isEmpty)
    #expect(throws: RedisError.self) { try parse([Array("*\(most)\r\n*1\r\n".utf8)]) }
    #expect(try parse([Array("$\(RESPLimits().messageBytes - 16)\r\n".utf8)]).isEmpty)
  }

  @Test("counts all strings of a message against the limit, and starts anew with the next")
  func totalBytes() throws {
    let limits = RESPLimits(messageBytes: 20)
    let whole = "*2\r\n$9\r\n123456789\r\n$1\r\na\r\n"
    #expect(try parse([Array((whole + whole).utf8)], limits).count == 2)
    #expect(throws: RedisError.self) { try parse([Array("*2\r\n$9\r\n123456789\r\n$10\r\n".utf8)], limits) }
    #expect(throws: RedisError.self) { try parse([Array("*9\r\n+123456\r\n+123456\r\n+123456\r\n".utf8)], limits) }
  }

  @Test("refuses a line without an end as soon as it is too long")
  func endlessLine() throws {
    let limits = RESPLimits(lineBytes: 16)
    #expect(try parse([Array("+123456789012345".utf8)], limits).isEmpty)
    #expect(throws: RedisError.self) { try parse([Array("+1234567890123456".utf8)], limits) }
    #expect(throws: RedisError.self) { try parse([Array("+12345678901234567890\r\n".utf8)], limits) }
  }

  @Test("survives any bytes", arguments: 0..<40)
  func fuzz(seed: Int) {
    var random = SplitMix(seed: UInt64(seed))
    let alphabet = Array("+-:$*_#,(!=%~|>?.;0123456789-\r\n\r\n\r\nabct".utf8)
    for _ in 0..<500 {
      let bytes = (0..<Int.random(in: 1...60, using: &random)).map { _ in
        Bool.random(using: &random)
          ? alphabet.randomElement(using: &random) ?? 0 : UInt8.random(in: 0...255, using: &random)
      }
      expectSameOutcome(bytes, &random)
    }
  }

  @Test("survives messages with a few bytes changed", arguments: 0..<40)
  func mutations(seed: Int) {
    var random = SplitMix(seed: UInt64(seed) + 1000)
    for _ in 0..<200 {
      var bytes = (0..<4).flatMap { _ in Array((Corpus.frames.randomElement(using: &random)?.wire ?? "").utf8) }
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...127, using: &random)
      }
      expectSameOutcome(bytes, &random)
    }
  }

  /// The same messages and the same error, or none, however the bytes arrive.
  private func expectSameOutcome(_ bytes: [UInt8], _ random: inout SplitMix) {
    let limits = RESPLimits(messageBytes: 4096, values: 256, depth: 4, lineBytes: 256)
    let cut = Int.random(in: 0...bytes.count, using: &random)
    let whole = outcome([bytes], limits)
    let split = outcome([Array(bytes[..<cut]), Array(bytes[cut...])], limits)
    let single = outcome(bytes.map { [$0] }, limits)
    #expect(whole.frames.map(String.init(describing:)) == split.frames.map(String.init(describing:)), "\(bytes)")
    #expect(whole.frames.map(String.init(describing:)) == single.frames.map(String.init(describing:)), "\(bytes)")
    #expect((whole.error == nil) == (split.error == nil) && (whole.error == nil) == (single.error == nil), "\(bytes)")
  }
}

/// What a parser makes of bytes that arrive in these pieces.
func parse(_ pieces: [[UInt8]], _ limits: RESPLimits = RESPLimits()) throws(RedisError) -> [RESPFrame] {
  let (frames, error) = outcome(pieces, limits)
  if let error { throw error }
  return frames
}

private func outcome(_ pieces: [[UInt8]], _ limits: RESPLimits) -> (frames: [RESPFrame], error: RedisError?) {
  var parser = RESPParser(limits: limits)
  var buffer = ByteBuffer()
  var frames: [RESPFrame] = []
  do throws(RedisError) {
    for piece in pieces {
      buffer.writeBytes(piece)
      while let frame = try parser.next(&buffer) { frames.append(frame) }
    }
    return (frames, nil)
  } catch {
    return (frames, error)
  }
}

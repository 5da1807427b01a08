import LatchkeyTesting
import NIOCore
import Testing

@testable import LatchkeyRedis

@Suite("A command")
struct RedisCommandTests {
  @Test("goes out as an array of strings of any bytes")
  func encoding() {
    #expect(encoded(RedisCommand("GET", "é")) == Array("*2\r\n$3\r\nGET\r\n$2\r\né\r\n".utf8))
    #expect(encoded(RedisCommand(words: [[], [0, 13, 10]])) == Array("*2\r\n$0\r\n\r\n$3\r\n\0\r\n\r\n".utf8))
    #expect(encoded(RedisCommand()) == Array("*0\r\n".utf8))
  }

  @Test("goes out with lengths of every number of digits", arguments: [0, 1, 9, 10, 99, 100, 999, 1000, 123_456])
  func lengths(count: Int) {
    let word = [UInt8](repeating: 7, count: count)
    #expect(encoded(RedisCommand(words: [word])) == Array("*1\r\n$\(count)\r\n".utf8) + word + Array("\r\n".utf8))
  }

  @Test("comes back as its words when a server parses it", arguments: 0..<20)
  func roundTrip(seed: Int) throws {
    var random = SplitMix(seed: UInt64(seed))
    let words = (0..<Int.random(in: 1...20, using: &random)).map { _ in
      (0..<Int.random(in: 0...200, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
    }
    let frames = try parse([encoded(RedisCommand(words: words))])
    #expect(frames == [.reply(.array(words.map { .string($0) }))])
  }

  @Test(
    "that would break the order of replies is refused",
    arguments: [
      ["SUBSCRIBE", "c"], ["psubscribe", "c"], ["SSUBSCRIBE", "c"], ["unsubscribe"], ["SUNSUBSCRIBE"], ["PUNSUBSCRIBE"],
      ["monitor"], ["HELLO", "2"], ["RESET"], ["PSYNC", "?", "-1"], ["client", "reply", "off"], [],
      ["SELECT", "1"], ["multi"], ["EXEC"], ["DISCARD"], ["WATCH", "k"], ["AUTH", "p"], ["SYNC"], ["QUIT"], ["ASKING"],
      ["READONLY"], ["READWRITE"], ["script", "debug", "yes"],
    ]
  )
  func refused(words: [String]) {
    #expect(RedisCommand(words: words.map { Array($0.utf8) }).problem?.code == .invalidConfiguration)
  }

  @Test(
    "that others send all the time is not refused",
    arguments: [
      ["GET"], ["CLIENT", "ID"], ["PUBLISH"], ["EVALSHA"], ["SET"], ["SCRIPT", "LOAD", "x"], ["PING"], ["AUTHOR"],
    ]
  )
  func accepted(words: [String]) {
    #expect(RedisCommand(words: words.map { Array($0.utf8) }).problem == nil)
  }

  private func encoded(_ command: RedisCommand) -> [UInt8] {
    var buffer = ByteBuffer()
    command.encode(into: &buffer)
    return Array(buffer.readableBytesView)
  }
}

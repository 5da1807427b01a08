import NIOCore
import Testing

@testable import LatchkeyEtcd

@Suite("The filter of PING frames")
struct PingFilterTests {
  private static func frame(_ type: UInt8, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: [UInt8]) -> [UInt8] {
    let length = payload.count
    let header = [UInt8(length >> 16), UInt8(length >> 8 & 0xFF), UInt8(length & 0xFF), type, flags]
    return header + withUnsafeBytes(of: stream.bigEndian) { Array($0) } + payload
  }

  private static let ping = frame(6, [1, 2, 3, 4, 5, 6, 7, 8])
  private static let pong = frame(6, flags: 1, [1, 2, 3, 4, 5, 6, 7, 8])
  private static let settings = frame(4, [0, 3, 0, 0, 0, 100])
  private static let data = frame(0, flags: 1, stream: 5, Array(repeating: 6, count: 300))

  /// What comes out when the bytes come in pieces of a size.
  private static func run(_ bytes: [UInt8], pieces: Int) -> (passed: [UInt8], answers: [UInt8]) {
    var filter = PingFilter()
    var passed: [UInt8] = []
    var answers: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: pieces) {
      let piece = bytes[start..<min(bytes.count, start + pieces)]
      let (on, back) = filter.filter(ByteBuffer(bytes: piece))
      for buffer in on { passed += buffer.readableBytesView }
      if let back { answers += back.readableBytesView }
    }
    return (passed, answers)
  }

  @Test("answers each and passes all else on, wherever the bytes are cut", arguments: [1, 2, 7, 9, 16, 17, 18, 100, 10_000])
  func pieces(size: Int) {
    let bytes = Self.settings + Self.ping + Self.data + Self.ping + Self.ping + Self.settings
    let (passed, answers) = Self.run(bytes, pieces: size)
    #expect(passed == Self.settings + Self.data + Self.settings)
    #expect(answers == Self.pong + Self.pong + Self.pong)
  }

  @Test("passes on the answers to our own, and a PING of a wrong length, which HTTP/2 complains of")
  func others() {
    let bytes = Self.pong + Self.frame(6, [1, 2, 3])
    let (passed, answers) = Self.run(bytes, pieces: 5)
    #expect(passed == bytes && answers.isEmpty)
  }
}

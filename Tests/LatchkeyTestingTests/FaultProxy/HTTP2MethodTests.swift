#if Etcd
import Testing

@testable import LatchkeyTesting

/// What the headers of HTTP/2 say, with headers written down by hand (RFC 7541).
struct HTTP2MethodTests {
  @Test func `headers that go on in further frames are read, wherever they are cut`() throws {
    let block = headers(path: "/etcdserverpb.KV/Txn")
    for first in 0...block.count {
      for second in first...block.count {
        var methods = HTTP2Methods()
        let pieces = [block[..<first], block[first..<second], block[second...]]
        for (place, piece) in pieces.enumerated() {
          let sent = frame(place == 0 ? 1 : 9, place == 2 ? 4 : 0, stream: 1, Array(piece))
          #expect(try methods.method(of: sent) == nil)
        }
        #expect(
          try methods.method(of: frame(0, 1, stream: 1, [1])) == "/etcdserverpb.KV/Txn",
          "cut at \(first), \(second)"
        )
        #expect(try methods.method(of: frame(0, 0, stream: 1, [2], .serverToClient)) == "/etcdserverpb.KV/Txn")
      }
    }
  }

  @Test func `what stands before and behind headers is no part of them`() throws {
    let block = headers(path: "/a/b")
    for (flags, payload): (UInt8, [UInt8]) in [
      (0x08, [3] + block + [0, 0, 0]), (0x20, [0, 0, 0, 0, 9] + block), (0x28, [2, 0, 0, 0, 0, 9] + block + [0, 0]),
    ] {
      var methods = HTTP2Methods()
      _ = try methods.method(of: frame(1, 4 | flags, stream: 1, payload))
      #expect(try methods.method(of: frame(0, 0, stream: 1, [1])) == "/a/b")
    }
  }

  @Test func `headers that refer back to those before, also in Huffman's code, are understood`() throws {
    var methods = HTTP2Methods()
    // RFC 7541, C.4.3: the path is in the table of all, behind two requests that fill the table of the connection.
    let examples: [[UInt8]] = [
      [0x82, 0x86, 0x84, 0x41, 0x8C, 0xF1, 0xE3, 0xC2, 0xE5, 0xF2, 0x3A, 0x6B, 0xA0, 0xAB, 0x90, 0xF4, 0xFF],
      [0x82, 0x86, 0x84, 0xBE, 0x58, 0x86, 0xA8, 0xEB, 0x10, 0x64, 0x9C, 0xBF],
      [0x82, 0x87, 0x85, 0xBF, 0x40, 0x88, 0x25, 0xA8, 0x49, 0xE9, 0x5B, 0xA9, 0x7D, 0x7F]
        + [0x89, 0x25, 0xA8, 0x49, 0xE9, 0x5B, 0xB8, 0xE8, 0xB4, 0xBF],
    ]
    for (place, block) in examples.enumerated() {
      _ = try methods.method(of: frame(1, 4, stream: Int32(2 * place + 1), block))
    }
    _ = try methods.method(of: frame(1, 4, stream: 7, headers(path: "/a/b")))
    // The newest entry of the connection's table.
    _ = try methods.method(of: frame(1, 4, stream: 9, [0xBE]))
    let paths = try [1, 3, 5, 7, 9].map { try methods.method(of: frame(0, 0, stream: $0, [1])) }
    #expect(paths == ["/", "/", "/index.html", "/a/b", "/a/b"])
  }

  @Test func `a stream is forgotten when the server has answered, or either side gives it up`() throws {
    var methods = HTTP2Methods()
    for stream: Int32 in [1, 3, 5, 7] { _ = try methods.method(of: frame(1, 4, stream: stream, headers(path: "/a/b"))) }
    #expect(methods.openStreams == 4)
    _ = try methods.method(of: frame(0, 1, stream: 1, [1]))
    #expect(methods.openStreams == 4)
    #expect(try methods.method(of: frame(0, 1, stream: 1, [1], .serverToClient)) == "/a/b")
    _ = try methods.method(of: frame(1, 5, stream: 3, [0x88], .serverToClient))
    _ = try methods.method(of: frame(3, 0, stream: 5, [0, 0, 0, 8]))
    _ = try methods.method(of: frame(3, 0, stream: 7, [0, 0, 0, 8], .serverToClient))
    #expect(methods.openStreams == 0)
    #expect(try methods.method(of: frame(0, 0, stream: 1, [1])) == nil)
  }

  @Test func `frames without a message have no method`() throws {
    var methods = HTTP2Methods()
    let preface = FaultProxy.Frame(
      connection: 1,
      direction: .clientToServer,
      index: 0,
      bytes: Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
    )
    #expect(try methods.method(of: preface) == nil)
    #expect(try methods.method(of: frame(1, 4, stream: 1, headers(path: "/a/b"))) == nil)
    // Settings, ping, window, and data that is none.
    for kind: UInt8 in [4, 6, 8] { #expect(try methods.method(of: frame(kind, 0, stream: 0, [0, 0, 0, 0])) == nil) }
    #expect(try methods.method(of: frame(0, 1, stream: 1, [])) == nil)
    #expect(try methods.method(of: frame(0, 0, stream: 1, [1])) == "/a/b")
  }

  @Test func `headers that are too long or broken are told once, and nothing is claimed afterwards`() throws {
    let limits = HTTP2Methods.Limits(block: 40, list: 100, table: 4096)
    let broken: [(name: String, frames: [FaultProxy.Frame])] = [
      ("too long", [frame(1, 4, stream: 1, headers(path: "/" + String(repeating: "a", count: 50)))]),
      (
        "too long in pieces",
        [
          frame(1, 0, stream: 1, Array(repeating: 0x82, count: 30)),
          frame(9, 0, stream: 1, Array(repeating: 0x82, count: 30)),
        ]
      ),
      ("a list too long", [frame(1, 4, stream: 1, Array(repeating: 0x82, count: 30))]),
      ("no such entry", [frame(1, 4, stream: 1, [0xFF, 0x80, 0x10])]),
      ("a table too large", [frame(1, 4, stream: 1, [0x3F, 0xE2, 0x1F, 0x82])]),
      ("cut off", [frame(1, 4, stream: 1, [0x44, 0x05, 0x2F])]),
      ("padding without end", [frame(1, 0x0C, stream: 1, [9, 0x82])]),
      ("continued from nowhere", [frame(9, 4, stream: 1, [0x82])]),
      ("not continued", [frame(1, 0, stream: 1, [0x82]), frame(1, 4, stream: 3, [0x82])]),
    ]
    for (name, frames) in broken {
      var methods = HTTP2Methods(limits: limits)
      for sent in frames.dropLast() { _ = try methods.method(of: sent) }
      let error = #expect(throws: ServerError.self, "\(name)") { _ = try methods.method(of: frames[frames.count - 1]) }
      #expect(error?.code == .unreadable)
      #expect(try methods.method(of: frame(1, 4, stream: 9, headers(path: "/a/b"))) == nil)
      #expect(try methods.method(of: frame(0, 0, stream: 9, [1])) == nil, "\(name)")
    }
  }

  @Test func `frames end where frames end, after the line that begins a connection`() {
    let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
    let length = FaultProxy.Framing.http2.length
    for bytes in [preface, frame(4, 0, stream: 0, []).bytes, frame(1, 4, stream: 1, headers(path: "/a/b")).bytes] {
      #expect(length((bytes + bytes)[...]) == bytes.count)
      for cut in 0..<bytes.count { #expect(length(bytes[..<cut]) == nil, "cut at \(cut)") }
    }
  }

  /// Headers of a request with a path that goes into the connection's table.
  private func headers(path: String) -> [UInt8] {
    // POST, http, and the path by the name of the fourth entry.
    [0x83, 0x86, 0x44, UInt8(path.utf8.count)] + Array(path.utf8)
  }

  private func frame(
    _ kind: UInt8,
    _ flags: UInt8,
    stream: Int32,
    _ payload: [UInt8],
    _ direction: FaultProxy.Direction = .clientToServer
  ) -> FaultProxy.Frame {
    let head: [UInt8] = [
      0, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF), kind, flags, 0, 0, 0, UInt8(stream),
    ]
    return FaultProxy.Frame(connection: 1, direction: direction, index: 1, bytes: head + payload)
  }
}
#endif

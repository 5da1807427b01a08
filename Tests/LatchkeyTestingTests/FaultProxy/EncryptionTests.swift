import LatchkeyTesting
import Testing

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// Encrypted connections: their bytes can be harmed, their messages cannot be told apart.
@Suite(.timeLimit(.minutes(5)))
struct EncryptionTests {
  /// How the first message of TLS begins.
  private static let hello: [UInt8] = [0x16, 0x03, 0x01, 0x02, 0x00, 0x01]

  let echo: EchoServer

  init() throws {
    self.echo = try EchoServer()
  }

  @Test(arguments: ["zookeeper", "redis", "http2"])
  func `a client that encrypts what is to be divided into messages is an error, no silence`(name: String) async throws {
    let framing: FaultProxy.Framing = ["zookeeper": .zooKeeper, "redis": .redis][name] ?? .http2
    for waitsFirst in [true, false] {
      let error = await #expect(throws: ServerError.self) {
        try await withFaultProxy(to: self.echo.port, framing: framing) { proxy in
          try await Self.encrypt(through: proxy, waitsFirst: waitsFirst)
          // Not what the caller is told in the end.
          throw CancellationError()
        }
      }
      #expect(error?.code == .unreadable)
      #expect(error?.message.contains("TLS") == true)
    }
    #expect(self.echo.received.isEmpty)
  }

  private static func encrypt(through proxy: FaultProxy, waitsFirst: Bool) async throws {
    let rule = await proxy.dropReply()
    let early = waitsFirst ? Task { try await rule.struck(within: .seconds(3600)) } : nil
    let client = try RawSocket(port: proxy.port)
    try client.write(Self.hello)
    #expect(client.readToEnd().end == ECONNRESET)
    if let early { await #expect(throws: ServerError.self) { try await early.value } }
    await #expect(throws: ServerError.self) { try await rule.struck(within: .seconds(3600)) }
  }

  @Test func `encrypted bytes pass through a proxy that divides nothing`() async throws {
    try await withFaultProxy(to: self.echo.port) { proxy in
      let client = try RawSocket(port: proxy.port)
      try client.write(Self.hello)
      #expect(try client.read(Self.hello.count) == Self.hello)
      #expect(await proxy.complaint == nil)
    }
  }

  @Test func `a framing of one's own may say that such bytes are its own`() async throws {
    var framing = FaultProxy.Framing(length: { $0.count >= 2 ? 2 : nil })
    framing.expectsPlainText = false
    try await withFaultProxy(to: self.echo.port, framing: framing) { proxy in
      let client = try RawSocket(port: proxy.port)
      try client.write(Self.hello)
      #expect(try client.read(Self.hello.count) == Self.hello)
      #expect(await proxy.counters.passedToServers.frames == 3)
    }
  }
}

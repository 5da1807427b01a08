import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@Suite(.timeLimit(.minutes(5)))
struct ThrottleTests {
  @Test func `a throttled connection carries so many bytes a second, in order, and no more`() async throws {
    let echo = try EchoServer()
    try await withFaultProxy(to: echo.port) { proxy in
      let client = try RawSocket(port: proxy.port)
      await proxy.throttle(bytesPerSecond: 10_000, .clientToServer)
      let bytes = (0..<3_000).map { UInt8(truncatingIfNeeded: $0) }
      let start = ContinuousClock.now
      try client.write(bytes)
      #expect(try client.read(bytes.count) == bytes)
      let time = ContinuousClock.now - start
      // The first twentieth of a second's worth goes at once.
      #expect(time >= .milliseconds(230), "\(time)")
    }
  }

  @Test func `the other way stays fast, and the healing lets the rest through at once`() async throws {
    let echo = try EchoServer()
    try await withFaultProxy(to: echo.port) { proxy in
      let client = try RawSocket(port: proxy.port)
      await proxy.throttle(bytesPerSecond: 1, .serverToClient)
      try client.write(Array(repeating: 7, count: 500))
      try await eventuallyTrue { echo.received.count == 500 }
      #expect(try client.read(1) == [7])
      await proxy.heal()
      #expect(try client.read(499).count == 499)
    }
  }

  @Test func `a cut in the middle of a frame leaves no half of it behind`() async throws {
    let echo = try EchoServer()
    try await withFaultProxy(to: echo.port) { proxy in
      let client = try RawSocket(port: proxy.port)
      await proxy.throttle(bytesPerSecond: 20, .clientToServer)
      try client.write(Array(repeating: 1, count: 100))
      try await eventuallyTrue { !echo.received.isEmpty }
      await proxy.cut()
      await proxy.heal()
      #expect(client.readToEnd().end != 0)
      #expect(echo.received.count < 100)
    }
  }
}

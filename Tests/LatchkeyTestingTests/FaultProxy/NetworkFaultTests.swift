import LatchkeyTestSupport
import LatchkeyTesting
import Testing

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

@Suite(.timeLimit(.minutes(5)))
struct NetworkFaultTests {
  let echo: EchoServer

  init() throws {
    self.echo = try EchoServer()
  }

  @Test func `bytes go through both ways and are counted`() async throws {
    try await withFaultProxy(to: self.echo.port) { proxy in
      let client = try RawSocket(port: proxy.port)
      try client.write([1, 2, 3])
      #expect(try client.read(3) == [1, 2, 3])
      let counters = await proxy.counters
      #expect(counters.accepted == 1)
      #expect(counters.open == 1)
      #expect(counters.arrivedFromClients.bytes == 3)
      #expect(counters.passedToServers.bytes == 3)
      #expect(counters.arrivedFromServers.bytes == 3)
      #expect(counters.passedToClients.bytes == 3)
    }
  }

  @Test func `a megabyte comes back unchanged`() async throws {
    try await withFaultProxy(to: self.echo.port) { proxy in
      let client = try RawSocket(port: proxy.port)
      let bytes = (0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 &* 31) }
      for start in stride(from: 0, to: bytes.count, by: 1 << 16) {
        let part = Array(bytes[start..<start + 1 << 16])
        try client.write(part)
        #expect(try client.read(part.count) == part)
      }
    }
  }

  @Test func `a delay takes its time and keeps the order, also when it becomes shorter`() async throws {
    try await withFaultProxy(to: self.echo.port) { proxy in
      let client = try RawSocket(port: proxy.port)
      let clock = ContinuousClock()
      let start = clock.now
      await proxy.delay(.milliseconds(300), .serverToClient)
      try client.write([1])
      try await eventuallyTrue { await proxy.counters.arrivedFromServers.bytes == 1 }
      await proxy.delay(.zero, .serverToClient)
      try client.write([2])
      #expect(try client.read(2) == [1, 2])
      #expect(clock.now - start >= .milliseconds(300))
    }
  }

  @Test func `what is held is silent, and is delivered by the healing`() async throws {
    try await withFaultProxy(to: self.echo.port) { proxy in
      let client = try RawSocket(port: proxy.port)
      await proxy.hold()
      try client.write([1, 2, 3])
      client.endWriting()
      try await eventuallyTrue { await proxy.counters.arrivedFromClients.bytes == 3 }
      #expect(self.echo.received.isEmpty)
      #expect(client.isSilent)
      await proxy.heal()
      let rest = client.readToEnd()
      #expect(rest.bytes == [1, 2, 3])
      #expect(rest.end == 0)
    }
  }

  @Test func `one way can be held while the other is open`() async throws {
    try await withFaultProxy(to: self.echo.port) { proxy in
      let client = try RawSocket(port: proxy.port)
      await proxy.hold(.serverToClient)
      try client.write([7])
      try await eventuallyTrue { await proxy.counters.arrivedFromServers.bytes == 1 }
      #expect(self.echo.received == [7])
      #expect(client.isSilent)
      await proxy.heal()
      #expect(try client.read(1) == [7])
    }
  }

  @Test func `what is cut off is lost, silently until the healing resets the connection`() async throws {
    try await withFaultProxy(to: self.echo.port) { proxy in
      let client = try RawSocket(port: proxy.port)
      await proxy.cut(.clientToServer)
      try client.write([1])
      try await eventuallyTrue { await proxy.counters.arrivedFromClients.bytes == 1 }
      #expect(client.isSilent)
      await proxy.heal()
      #expect(client.readToEnd().end == ECONNRESET)
      #expect(self.echo.received.isEmpty)
    }
  }

  @Test func `a cut loses what is under way`() async throws {
    try await withFaultProxy(to: self.echo.port) { proxy in
      let client = try RawSocket(port: proxy.port)
      await proxy.hold(.clientToServer)
      try client.write([1])
      try await eventuallyTrue { await proxy.counters.arrivedFromClients.bytes == 1 }
      await proxy.cut(.clientToServer)
      await proxy.heal()
      #expect(client.readToEnd().end == ECONNRESET)
      #expect(self.echo.received.isEmpty)
    }
  }

  @Test func `a connection that lost nothing in a cut goes on`() async throws {
    try await withFaultProxy(to: self.echo.port) { proxy in
      let client = try RawSocket(port: proxy.port)
      await proxy.cut()
      await proxy.heal()
      try client.write([5])
      #expect(try client.read(1) == [5])
    }
  }

  @Test func `the end of a server is not heard through a cut`() async throws {
    try await withFaultProxy(to: self.echo.port) { proxy in
      let client = try RawSocket(port: proxy.port)
      try client.write([1])
      #expect(try client.read(1) == [1])
      await proxy.cut(.serverToClient)
      client.endWriting()
      // The echo server hears the client's end and ends its side too.
      try await eventuallyTrue { !self.echo.ends.isEmpty }
      #expect(client.isSilent)
      await proxy.heal()
      #expect(client.readToEnd().end == 0)
    }
  }

  @Test func `a reset is seen by both sides`() async throws {
    try await withFaultProxy(to: self.echo.port) { proxy in
      let client = try RawSocket(port: proxy.port)
      try client.write([1])
      #expect(try client.read(1) == [1])
      await proxy.reset()
      #expect(client.readToEnd().end == ECONNRESET)
      try await eventuallyTrue { self.echo.ends == [ECONNRESET] }
      #expect(await proxy.counters.open == 0)
    }
  }

  @Test func `a half-closed connection still carries bytes the other way`() async throws {
    try await withFaultProxy(to: self.echo.port) { proxy in
      let client = try RawSocket(port: proxy.port)
      try client.write([1])
      #expect(try client.read(1) == [1])
      await proxy.halfClose(.serverToClient)
      #expect(try client.readSome().isEmpty)
      try client.write([2])
      try await eventuallyTrue { self.echo.received == [1, 2] }
    }
  }

  @Test func `a client's half-close reaches the server, and the rest of the answer the client`() async throws {
    try await withFaultProxy(to: self.echo.port) { proxy in
      let client = try RawSocket(port: proxy.port)
      try client.write([1, 2])
      client.endWriting()
      let answer = client.readToEnd()
      #expect(answer.bytes == [1, 2])
      #expect(answer.end == 0)
      try await proxy.waitForNoConnection()
    }
  }

  @Test func `refused clients are turned away while open connections stay`() async throws {
    try await withFaultProxy(to: self.echo.port) { proxy in
      let old = try RawSocket(port: proxy.port)
      try await proxy.waitForConnections(1)
      try await proxy.refuse()
      #expect(throws: RawSocket.Failure(call: "connect", number: ECONNREFUSED)) { try RawSocket(port: proxy.port) }
      try old.write([1])
      #expect(try old.read(1) == [1])
      try await proxy.refuse(false)
      let new = try RawSocket(port: proxy.port)
      try new.write([2])
      #expect(try new.read(1) == [2])
    }
  }

  @Test func `a client is reset when the server is down, and new connections can go to another`() async throws {
    let gone = try EchoServer().port
    try await withFaultProxy(to: gone) { proxy in
      #expect(try RawSocket(port: proxy.port).readToEnd().end == ECONNRESET)
      await proxy.retarget(to: self.echo.port)
      let client = try RawSocket(port: proxy.port)
      try client.write([3])
      #expect(try client.read(1) == [3])
    }
  }

  @Test func `a proxy that is dropped without a stop goes away`() async throws {
    func startAndDrop() async throws -> (port: Int, client: RawSocket) {
      let proxy = try await FaultProxy.start(to: self.echo.port)
      let client = try RawSocket(port: proxy.port)
      try await proxy.waitForConnections(1)
      return (proxy.port, client)
    }
    let dropped = try await startAndDrop()
    #expect(dropped.client.readToEnd().end == ECONNRESET)
    try await eventuallyTrue { (try? RawSocket(port: dropped.port)) == nil }
  }
}

import LatchkeyTestSupport
import LatchkeyTesting
import Testing

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// Rules for frames, with an echo server that speaks in frames as ZooKeeper does: each reply is its request.
@Suite(.timeLimit(.minutes(5)))
struct FrameRuleTests {
  let echo: EchoServer

  init() throws {
    self.echo = try EchoServer()
  }

  @Test func `a frame goes on as soon as it is complete, and no sooner`() async throws {
    try await withFaultProxy(to: self.echo.port, framing: .zooKeeper) { proxy in
      let client = try FramedSocket(port: proxy.port)
      let bytes = frame(1)
      try client.socket.write(Array(bytes.prefix(5)))
      try client.socket.write(Array(bytes.dropFirst(5).prefix(2)))
      #expect(await proxy.counters.arrivedFromClients.frames == client.greetings)
      try client.socket.write(Array(bytes.dropFirst(7)) + frame(2))
      #expect(try client.next() == 1)
      #expect(try client.next() == 2)
      #expect(await proxy.counters.passedToClients.frames == 2 + client.greetings)
    }
  }

  @Test func `exactly the n-th reply is lost`() async throws {
    try await withFaultProxy(to: self.echo.port, framing: .zooKeeper) { proxy in
      let client = try FramedSocket(port: proxy.port)
      let rule = await proxy.dropReply(2)
      for number in 1...3 { try client.send(Int32(number)) }
      #expect(try client.next() == 1)
      #expect(try client.next() == 3)
      #expect(await rule.strikes == 1)
    }
  }

  @Test func `pings and watch events do not count as replies`() async throws {
    try await withFaultProxy(to: self.echo.port, framing: .zooKeeper) { proxy in
      let client = try FramedSocket(port: proxy.port)
      await proxy.dropReply(1)
      for number: Int32 in [-2, -1, 10, 11] { try client.send(number) }
      #expect(try client.next() == -2)
      #expect(try client.next() == -1)
      #expect(try client.next() == 11)
    }
  }

  @Test func `a reply can be lost with its connection after the server has done its work`() async throws {
    try await withFaultProxy(to: self.echo.port, framing: .zooKeeper) { proxy in
      let client = try FramedSocket(port: proxy.port)
      let rule = await proxy.dropReply(thenReset: true)
      try client.send(1)
      #expect(client.socket.readToEnd().end == ECONNRESET)
      #expect(self.echo.received.suffix(frame(1).count) == frame(1)[...])
      try await rule.struck()
    }
  }

  @Test func `the reply to one request is lost, whatever else is answered before`() async throws {
    try await withFaultProxy(to: self.echo.port, framing: .zooKeeper) { proxy in
      let client = try FramedSocket(port: proxy.port)
      await proxy.dropReply(to: { $0.zooKeeperOperation == .delete })
      try client.send(1, operation: .create)
      try client.send(2, operation: .delete)
      try client.send(3, operation: .delete)
      #expect(try client.next() == 1)
      #expect(try client.next() == 3)
    }
  }

  @Test func `a held request waits with those behind it, and others do not`() async throws {
    try await withFaultProxy(to: self.echo.port, framing: .zooKeeper) { proxy in
      let held = try FramedSocket(port: proxy.port)
      let free = try FramedSocket(port: proxy.port)
      let rule = await proxy.holdRequest(matching: { $0.zooKeeperOperation == .create })
      try held.send(1)
      try held.send(2, operation: .create)
      try held.send(3)
      #expect(try held.next() == 1)
      try await rule.struck()
      try free.send(4, operation: .create)
      #expect(try free.next() == 4)
      #expect(held.socket.isSilent)
      await rule.remove()
      #expect(try held.next() == 2)
      #expect(try held.next() == 3)
    }
  }

  @Test func `a held reply waits until its rule is removed`() async throws {
    try await withFaultProxy(to: self.echo.port, framing: .zooKeeper) { proxy in
      let client = try FramedSocket(port: proxy.port)
      let rule = await proxy.holdReply()
      try client.send(1)
      try await rule.struck()
      #expect(client.socket.isSilent)
      await rule.remove()
      #expect(try client.next() == 1)
    }
  }

  @Test func `a held frame does not outlive its connection`() async throws {
    try await withFaultProxy(to: self.echo.port, framing: .zooKeeper) { proxy in
      let client = try FramedSocket(port: proxy.port)
      let rule = await proxy.holdRequest()
      let before = self.echo.received
      try client.send(1)
      try await rule.struck()
      await proxy.reset()
      await rule.remove()
      #expect(client.socket.readToEnd().end == ECONNRESET)
      try await eventuallyTrue { !self.echo.ends.isEmpty }
      #expect(self.echo.received == before)
    }
  }

  @Test func `a frame can be the last to get through`() async throws {
    try await withFaultProxy(to: self.echo.port, framing: .zooKeeper) { proxy in
      let client = try FramedSocket(port: proxy.port)
      await proxy.onFrame { $0.zooKeeperOperation == .create ? .passThenReset : .pass }
      try client.socket.write(frame(1, operation: .create) + frame(2))
      #expect(client.socket.readToEnd() == ([], ECONNRESET))
      try await eventuallyTrue { !self.echo.ends.isEmpty }
      #expect(self.echo.received.suffix(frame(1).count) == frame(1, operation: .create)[...])
    }
  }

  @Test func `a reset frame does not reach the server`() async throws {
    try await withFaultProxy(to: self.echo.port, framing: .zooKeeper) { proxy in
      let client = try FramedSocket(port: proxy.port)
      let before = self.echo.received
      await proxy.onFrame { $0.direction == .clientToServer ? .reset : .pass }
      try client.send(1)
      #expect(client.socket.readToEnd().end == ECONNRESET)
      try await eventuallyTrue { !self.echo.ends.isEmpty }
      #expect(self.echo.received == before)
    }
  }

  @Test func `the first rule with something to say decides, and all of them count`() async throws {
    try await withFaultProxy(to: self.echo.port, framing: .zooKeeper) { proxy in
      let client = try FramedSocket(port: proxy.port)
      let watch = await proxy.watch(.clientToServer)
      let drop = await proxy.onFrame { $0.zooKeeperRequestNumber == 1 ? .drop : .pass }
      let reset = await proxy.onFrame { $0.zooKeeperRequestNumber == 1 ? .reset : .pass }
      try client.send(1)
      try client.send(2)
      #expect(try client.next() == 2)
      #expect(await watch.strikes == 2)
      #expect(await drop.strikes == 1)
      #expect(await reset.strikes == 1)
    }
  }

  @Test func `a removed rule strikes no more`() async throws {
    try await withFaultProxy(to: self.echo.port, framing: .zooKeeper) { proxy in
      let client = try FramedSocket(port: proxy.port)
      let rule = await proxy.onFrame { _ in .drop }
      await rule.remove()
      try client.send(1)
      #expect(try client.next() == 1)
      #expect(await rule.strikes == 0)
    }
  }

  @Test func `a wait that is in vain says what the proxy has seen`() async throws {
    try await withFaultProxy(to: self.echo.port, framing: .zooKeeper) { proxy in
      let rule = await proxy.watch()
      let error = await #expect(throws: ServerError.self) { try await rule.struck(within: .milliseconds(20)) }
      #expect(error?.message.contains("accepted: 0") == true)
    }
  }

  @Test func `a wait can be cancelled`() async throws {
    try await withFaultProxy(to: self.echo.port, framing: .zooKeeper) { proxy in
      let rule = await proxy.watch()
      let waiting = Task { try await rule.struck(within: .seconds(3600)) }
      waiting.cancel()
      await #expect(throws: CancellationError.self) { try await waiting.value }
    }
  }
}

/// A request in ZooKeeper's frame, of which the echo server makes a reply.
private func frame(_ number: Int32, operation: ZooKeeperOperation = .exists) -> [UInt8] {
  var fields = Fields()
  fields.append(number)
  fields.append(operation.rawValue)
  return fields.framed
}

/// A connection on which frames go back and forth, behind a first one each way that opens the session.
private final class FramedSocket {
  let socket: RawSocket
  let greetings = 1

  init(port: Int) throws {
    self.socket = try RawSocket(port: port)
    try self.send(0)
    _ = try self.next()
  }

  func send(_ number: Int32, operation: ZooKeeperOperation = .exists) throws {
    try self.socket.write(frame(number, operation: operation))
  }

  /// The number in the next frame.
  func next() throws -> Int32 {
    var length = Fields(bytes: try self.socket.read(4))
    var body = Fields(bytes: try self.socket.read(Int(length.next(Int32.self))))
    return body.next(Int32.self)
  }
}

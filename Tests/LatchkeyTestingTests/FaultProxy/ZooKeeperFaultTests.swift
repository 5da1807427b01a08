import LatchkeyTesting
import Testing

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

extension RealServerTests {
  /// The proxy in front of a real server: does it understand ZooKeeper's messages?
  @Suite
  struct ZooKeeperFaultTests {
    @Test func `a node is created although the reply is lost with the connection`() async throws {
      try await withZooKeeper { server in
        try await withFaultProxy(to: server.port, framing: .zooKeeper) { proxy in
          let client = try RawZooKeeper(port: proxy.port)
          let rule = await proxy.dropReply(to: { $0.zooKeeperOperation == .create }, thenReset: true)
          try client.ping()
          #expect(try client.readReply().request == -2)
          #expect(throws: RawSocket.Failure(call: "recv", number: ECONNRESET)) { try client.create("/made") }
          try await rule.struck()
          #expect(try RawZooKeeper(port: proxy.port, resuming: client.ticket).exists("/made"))
        }
      }
    }

    @Test func `frames are told apart by operation and error code`() async throws {
      try await withZooKeeper { server in
        try await withFaultProxy(to: server.port, framing: .zooKeeper) { proxy in
          let failures = await proxy.watch(.serverToClient, matching: { $0.zooKeeperErrorCode == -101 })
          let pings = await proxy.watch(.both, matching: \.isZooKeeperPing)
          let creates = await proxy.watch(.both, matching: { $0.zooKeeperOperation == .create })
          let client = try RawZooKeeper(port: proxy.port)
          try client.create("/made")
          #expect(try !client.exists("/missing"))
          try client.ping()
          #expect(try client.readReply().request == -2)
          #expect(await failures.strikes == 1)
          #expect(await pings.strikes == 2)
          #expect(await creates.strikes == 1)
        }
      }
    }

    @Test func `a held request does not reach the server`() async throws {
      try await withZooKeeper { server in
        try await withFaultProxy(to: server.port, framing: .zooKeeper) { proxy in
          let client = try RawZooKeeper(port: proxy.port)
          let rule = await proxy.holdRequest(matching: { $0.zooKeeperOperation == .exists })
          try client.sendExists("/later")
          try await rule.struck()
          try RawZooKeeper(port: server.port).create("/later")
          await rule.remove()
          #expect(try client.readReply().code == 0)
        }
      }
    }

    @Test func `four-letter words go through`() async throws {
      try await withZooKeeper { server in
        try await withFaultProxy(to: server.port, framing: .zooKeeper) { proxy in
          let client = try RawSocket(port: proxy.port)
          try client.write(Array("ruok".utf8))
          #expect(String(decoding: client.readToEnd().bytes, as: UTF8.self) == "imok")
        }
      }
    }
  }
}

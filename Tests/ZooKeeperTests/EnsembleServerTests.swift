import LatchkeyPrimitives
import LatchkeyTesting
import Testing

@testable import ZooKeeper

@Suite("Several servers that should be one ensemble", .timeLimit(.minutes(2)))
struct EnsembleServerTests {
  private func configuration(_ servers: [String]) -> ZooKeeperClient.Configuration {
    var configuration = ZooKeeperClient.Configuration(servers: servers)
    configuration.tick = .milliseconds(200)
    configuration.sessionTimeout = .seconds(4)
    return configuration
  }

  @Sendable private static func isLook(_ frame: FaultProxy.Frame) -> Bool {
    frame.zooKeeperOperation == .getData && String(decoding: frame.bytes, as: UTF8.self).contains("/zookeeper/config")
  }

  @Test("a stand-alone server is refused when another one is named beside it, with the reason and what to do")
  func standalone() async throws {
    let server = try await SharedServer.value.connectString
    let configuration = self.configuration([server, "127.0.0.1:1"])
    let error = await #expect(throws: ZooKeeperError.self) {
      try await ZooKeeperClient.withClient(configuration) { _ in Issue.record("the client was lent") }
    }
    #expect(error?.code == .invalidConfiguration)
    #expect(
      error?.message.contains("stand-alone") == true && error?.message.contains("allowsStandaloneServers") == true
    )
    let client = try ZooKeeperClient(configuration)
    let run = await #expect(throws: ZooKeeperError.self) { try await client.run() }
    #expect(run?.code == .invalidConfiguration)
    #expect(await client.states.reduce(into: []) { $0.append($1) } == [.closed])
  }

  @Test("one server, however often it is named, may be a stand-alone one, and several if they are allowed to")
  func allowed() async throws {
    let server = try await SharedServer.value.connectString
    var several = self.configuration([server, "127.0.0.1:1"])
    several.allowsStandaloneServers = true
    for configuration in [self.configuration([server, server]), several] {
      try await ZooKeeperClient.withClient(configuration) { client in
        _ = try await client.get("/zookeeper")
      }
    }
  }

  @Test("the one server that is there is found again among two, however often the connection is lost")
  func evenNumber() async throws {
    let server = try await SharedServer.value
    let proxy = try await FaultProxy.start(to: .init(port: server.port), framing: .zooKeeper)
    var configuration = self.configuration([proxy.connectString, "127.0.0.1:1"])
    configuration.allowsStandaloneServers = true
    try await ZooKeeperClient.withClient(configuration) { client in
      for _ in 0..<3 {
        let accepted = await proxy.counters.accepted
        await proxy.reset()
        #expect(try await eventually { await proxy.counters.accepted > accepted })
        _ = try await client.waitForSession(within: .seconds(10))
      }
    }
    await proxy.stop()
  }

  @Test("nobody hears of a connection before it is known what the server is, so that nothing is granted there")
  func unheard() async throws {
    let server = try await SharedServer.value
    let proxy = try await FaultProxy.start(to: .init(port: server.port), framing: .zooKeeper)
    let held = await proxy.onReply(to: Self.isLook, .hold)
    let client = try ZooKeeperClient(self.configuration([proxy.connectString, "127.0.0.1:1"]))
    let heard = Locked(false)
    _ = client.addSessionObserver { event in if case .connected = event { heard.withLock { $0 = true } } }
    let run = Task { try await client.run() }
    #expect(try await eventually { await held.strikes == 1 })
    // The heartbeats of the session are answered behind it.
    #expect(try await eventually { client.state.withLock { $0.session?.isConnected == true } })
    #expect(client.currentSession == nil)
    await held.remove()
    let error = await #expect(throws: ZooKeeperError.self) { try await run.value }
    #expect(error?.code == .invalidConfiguration)
    #expect(!heard.withLock { $0 })
    await proxy.stop()
  }

  @Test("a look at the servers that is not answered is repeated over the next connection")
  func unanswered() async throws {
    let server = try await SharedServer.value
    let proxy = try await FaultProxy.start(to: .init(port: server.port), framing: .zooKeeper)
    let lost = await proxy.dropReply(
      to: Self.isLook,
      thenReset: true
    )
    let client = try ZooKeeperClient(self.configuration([proxy.connectString, "127.0.0.1:1"]))
    let error = await #expect(throws: ZooKeeperError.self) { try await client.run() }
    #expect(error?.code == .invalidConfiguration)
    #expect(await lost.strikes == 1)
    await proxy.stop()
  }

  @Test("the members of an ensemble are taken, and a shorter session timeout after a restart proves nothing any more")
  func ensemble() async throws {
    try await withZooKeeperEnsemble(ZooKeeperConfiguration { $0.tick = .milliseconds(200) }) { ensemble in
      var configuration = self.configuration(ensemble.members.map(\.connectString))
      configuration.sessionTimeout = .seconds(8)
      try await ZooKeeperClient.withClient(configuration) { client in
        let session = try #require(client.currentSession)
        let term = session.term
        #expect(session.timeout == .seconds(8) && term.isLive && !session.isTooShortToProve)
        // A rolling restart with a smaller limit: two ticks.
        for member in ensemble.members {
          await member.kill()
          try member.launch(settings: ["minSessionTimeout": "400", "maxSessionTimeout": "400"])
          try await member.waitUntilReady()
        }
        #expect(
          try await eventually(within: .seconds(20)) { session.isTooShortToProve || client.currentSession !== session }
        )
        // It may have expired meanwhile, being so short; then the new one is too short from the start.
        let present = try await client.waitForSession(within: .seconds(20))
        #expect(present.timeout == .milliseconds(400) && present.isTooShortToProve)
        #expect(try await eventually { !term.isLive })
        // Heartbeats go on being answered.
        try await client.sync()
        let next = OneShot<Bool>()
        present.onLiveTerm { next.resolve($0 != nil) }
        #expect(await next.wait(cancelled: true) == false)
        #expect(!present.term.isLive)
      }
    }
  }
}

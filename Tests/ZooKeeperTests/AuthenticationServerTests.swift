import LatchkeyPrimitives
import LatchkeyTesting
import Testing

@testable import ZooKeeper

@Suite("Saying who one is while connections are lost", .timeLimit(.minutes(1)))
struct AuthenticationServerTests {
  /// Lends a client behind a proxy, and a node that only Bob may read.
  private func withProxy(
    _ body: (ZooKeeperClient, FaultProxy, _ secret: String) async throws -> Void
  ) async throws {
    let server = try await SharedServer.value
    let proxy = try await FaultProxy.start(to: .init(port: server.port), framing: .zooKeeper)
    try await withClient({ $0.credentials = [.digest(user: "bob", password: "secret")] }) { bob, directory in
      let secret = "\(directory)/secret"
      try await bob.create(secret, data: [42], acl: .creatorAll)
      let change = { (configuration: inout ZooKeeperClient.Configuration) in
        configuration.servers = [proxy.connectString]
        configuration.connectTimeout = .seconds(2)
      }
      try await withClient(change) { client, _ in try await body(client, proxy, secret) }
    }
    await proxy.stop()
  }

  /// Resets the connection instead of the next answer to a credential.
  private static func loseAnswer(_ proxy: FaultProxy) async -> FaultProxy.Rule {
    let isOver = Locked(false)
    return await proxy.onFrame { frame in
      guard frame.direction == .serverToClient, frame.zooKeeperRequestNumber == -4 else { return .pass }
      return isOver.withLock { isOver in
        defer { isOver = true }
        return isOver ? .pass : .reset
      }
    }
  }

  @Test("a credential whose acceptance was lost on the way is in force when the call returns")
  func lostAcceptance() async throws {
    try await self.withProxy { client, proxy, secret in
      let lost = await Self.loseAnswer(proxy)
      try await client.addAuth(.digest(user: "bob", password: "secret"))
      #expect(await lost.strikes == 1)
      #expect(try await client.get(secret).data == [42])
    }
  }

  @Test("a credential whose refusal was lost on the way is an error all the same")
  func lostRefusal() async throws {
    try await self.withProxy { client, proxy, _ in
      let lost = await Self.loseAnswer(proxy)
      let error = await #expect(throws: ZooKeeperError.self) {
        try await client.addAuth(.init(scheme: "no-such-scheme", credential: "bob:secret"))
      }
      #expect(error?.code == .authFailed)
      #expect(await lost.strikes == 1)
    }
  }

  @Test("a credential that could not be told in time is told with the next connection, and once")
  func noConnection() async throws {
    try await self.withProxy { client, proxy, secret in
      try await proxy.refuse()
      await proxy.reset()
      #expect(try await eventually { client.currentSession == nil })
      let credential = ZooKeeperClient.Credential.digest(user: "bob", password: "secret")
      let error = await #expect(throws: ZooKeeperError.self) { try await client.addAuth(credential) }
      #expect(error?.code == .connectionLoss && error?.operation == "addAuth")
      try await proxy.refuse(false)
      _ = try await client.waitForSession(within: .seconds(20))
      #expect(try await client.get(secret).data == [42])
      try await client.addAuth(credential)
      #expect(client.state.withLock { $0.credentials } == [credential])
    }
  }
}

import LatchkeyPrimitives
import LatchkeyTesting
import Testing

@testable import ZooKeeper

@Suite("More paths than one session can have", .timeLimit(.minutes(2)))
struct WatchLimitServerTests {
  private static func limits(ownNodeWatches: Int = 500, watches: Int = 1_000, ephemerals: Int = 1_000)
    -> PathBudget.Limits
  {
    var limits = PathBudget.Limits()
    (limits.ownNodeWatches, limits.watches, limits.ephemerals) = (ownNodeWatches, watches, ephemerals)
    return limits
  }

  @Test("watches beyond the limit are refused plainly, also when those before were forgotten, until some have fired")
  func watches() async throws {
    try await withClient({ $0.pathLimits = Self.limits() }) { client, directory in
      let session = try #require(client.currentSession)
      let path = "\(directory)/\(String(repeating: "x", count: 100))"
      var set = 0
      while true {
        do throws(ZooKeeperError) {
          // Dropped at once: the server and the C client keep their part.
          _ = try await client.existsWatching("\(path)\(set)")
          set += 1
        } catch {
          #expect(error.code == .tooManyWatches && error.message.contains("several clients"), "\(error)")
          break
        }
      }
      #expect(set >= 6 && set <= 9, "\(set) watches of about 115 bytes")
      #expect(!session.hasRoomForOwnNodeWatch(on: "\(path)new"))
      #expect(await answer { _ = session.watchDeletion(of: directory, onEvent: {}, $0) } == .ok)
      #expect(await answer { _ = session.watchDeletion(of: "\(path)new", onEvent: {}, $0) } == .tooManyWatches)
      // What sets no watch is not concerned.
      #expect(try await client.exists("\(path)new") == nil)
      try await client.create("\(path)0")
      #expect(try await eventually { session.watchBytes < 1_000 - 115 })
      _ = try await client.existsWatching("\(path)new")
    }
  }

  @Test("ephemeral nodes beyond the limit are refused plainly, until some are gone, whoever deleted them")
  func ephemerals() async throws {
    let change = { (configuration: inout ZooKeeperClient.Configuration) in
      configuration.pathLimits = Self.limits()
      configuration.auditPause = .milliseconds(300)
    }
    try await withClient(change) { client, directory in
      let path = "\(directory)/\(String(repeating: "x", count: 200))"
      for number in 0..<4 { try await client.create("\(path)\(number)", mode: .ephemeral) }
      let session = try #require(client.currentSession)
      #expect(session.ephemeralBytes > 800)
      func refused() async -> ZooKeeperCode? {
        await #expect(throws: ZooKeeperError.self) { try await client.create("\(path)9", mode: .ephemeral) }?.code
      }
      #expect(await refused() == .tooManyWatches)
      await #expect(throws: ZooKeeperError.self) {
        try await client.transaction([.create("\(path)9", mode: .ephemeral)])
      }
      try await client.create("\(path)persistent")
      try await client.delete("\(path)0")
      try await client.transaction([.create("\(path)0", mode: .ephemeral)])
      #expect(await refused() == .tooManyWatches)
      try await client.transaction([.delete("\(path)0"), .check("\(path)1")])
      #expect(session.ephemeralBytes < 800)
      try await client.create("\(path)0", mode: .ephemeral)
      // The servers tell nobody of this.
      try await withClient { other, _ in try await other.delete("\(path)1") }
      #expect(try await eventually { (try? await client.create("\(path)9", mode: .ephemeral)) != nil })
    }
  }

  @Test("a session whose watches the servers no longer accept in one request is given up for a new one")
  func stuck() async throws {
    let server = ZooKeeperConfiguration {
      $0.inMemory = true
      $0.javaOptions = ["-Djute.maxbuffer=20000"]
    }
    try await withZooKeeper(server) { server in
      let proxy = try await FaultProxy.start(to: .init(port: server.port), framing: .zooKeeper)
      var configuration = ZooKeeperClient.Configuration(connectString: proxy.connectString)
      configuration.tick = .milliseconds(200)
      configuration.sessionTimeout = .seconds(2)
      configuration.pathLimits = Self.limits(ownNodeWatches: 10_000, watches: 1_000_000)
      try await ZooKeeperClient.withClient(configuration) { client in
        let first = try #require(client.currentSession)
        let name = String(repeating: "x", count: 100)
        for number in 0..<300 { _ = try await client.existsWatching("/\(name)\(number)") }
        try await client.create("/e", mode: .ephemeral)
        await proxy.reset()
        #expect(try await eventually(within: .seconds(30)) { client.currentSession.map { $0.generation > 1 } ?? false })
        #expect(first.state.withLock { $0.end } == .sessionExpired)
        #expect(try await client.sync() == ())
        try await server.expireSession(first.id)
        #expect(try await eventually { try await client.exists("/e") == nil })
      }
      await proxy.stop()
    }
  }
}

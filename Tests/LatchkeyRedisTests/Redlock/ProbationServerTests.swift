import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@testable import LatchkeyRedis

@Suite("Servers of a quorum that were started again", .serialized, .timeLimit(.minutes(3)))
struct ProbationServerTests {
  /// Starts a server again: it has lost its keys, and is not known to have had none.
  private static func restart(_ server: RedisServer) async throws {
    await server.kill()
    try server.launch()
    try await server.waitUntilReady()
  }

  @Test("have no vote on an extension either, whatever they answer")
  func noVote() async throws {
    try await withRedisServers(count: 3) { servers in
      try await LockClient.with(
        servers,
        timeToLive: .seconds(60),
        changeRedlock: { configuration in
          configuration.renews = false
          configuration.answerTimeout = .seconds(5)
        }
      ) { client in
        let name = try uniqueName()
        let lease = try await client.lock(name).acquire(within: .seconds(20))
        let held = lease.held
        let deadline = try #require(held.deadline)
        let owner = try #require(try await servers[0].value(of: "\(name)"))
        await servers[1].kill()
        try await Self.restart(servers[2])
        // As a server that comes back with an old copy of its data: it says yes.
        try await servers[2].command("SET", "\(name)", owner, "PX", "60000")
        let seat = client.proxies[2].connectString
        try await eventuallyTrue {
          let error = await #expect(throws: LockError.self) { try await held.extend() }
          #expect(error?.code == .unreachable, "\(String(describing: error))")
          return "\(String(describing: error?.underlying))".contains("\(seat): was started lately")
        }
        #expect(held.isHeld && held.deadline == deadline)
        await lease.releaseQuietly()
      }
    }
  }

  @Test("have no vote for as long as the largest TTL of all clients, not only for that of the locks that are asked for")
  func largest() async throws {
    try await withRedisServers(count: 3) { servers in
      for server in servers { try await Self.restart(server) }
      try await LockClient.with(
        servers,
        timeToLive: .seconds(5),
        changeRedlock: { $0.largestTimeToLive = .seconds(600) }
      ) { client in
        let lock = client.lock(try uniqueName())
        var remaining: [Int] = []
        try await eventuallyTrue {
          let error = try #require(await failure(of: lock, within: .zero))
          remaining = (error.wait?.votes ?? [:]).values.compactMap { vote in
            vote.split(separator: "no vote for ").last.flatMap { $0.split(separator: " ").first }.flatMap { Int($0) }
          }
          return !remaining.isEmpty
        }
        for seconds in remaining { #expect((300...601).contains(seconds)) }
      }
    }
  }
}

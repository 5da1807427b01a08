import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@testable import LatchkeyRedis

extension RedisServerTests {
  @Suite("A client that is let go of")
  struct LettingGoTests {
    private struct Weak: Sendable {
      weak let connection: RedisConnection?
    }

    /// Does with locks what may leave something behind, and keeps nothing.
    private func use(_ servers: [RedisServer], _ held: LockName) async throws -> [Weak] {
      let connections = try servers.map { server in
        try RedisConnection(.init(port: server.port) { $0.tracksServer = servers.count > 1 })
      }
      let locks: any LockProvider =
        servers.count == 1 ? try RedisLocks(executor: connections[0]) : try RedlockLocks(servers: connections)
      let lock = locks.lock(held)
      let isBusy = try await lock.tryAcquire() == nil
      #expect(isBusy)
      let late = await #expect(throws: LockError.self) { try await lock.acquire(within: .milliseconds(50)).release() }
      #expect(late?.code == .timedOut)
      let waiter = Task { try await lock.acquire().release() }
      waiter.cancel()
      let cancelled = await #expect(throws: LockError.self) { try await waiter.value }
      #expect(cancelled?.code == .cancelled)
      try await locks.lock(try uniqueName()).acquire().release()
      // Never released: what it holds goes in the background.
      _ = try await locks.lock(try uniqueName()).acquire()
      return connections.map { Weak(connection: $0) }
    }

    @Test("leaves nothing behind in memory where a server did not answer before its lock was released")
    func silentServer() async throws {
      try await withRedisServers(count: 2) { servers in
        try await withFakeServer(answering: []) { port in
          func use() async throws -> [Weak] {
            let connections = try (servers.map(\.port) + [port]).map { port in
              try RedisConnection(
                .init(port: port) {
                  $0.tracksServer = true
                  $0.connectTimeout = .milliseconds(300)
                }
              )
            }
            // Granted and given back by two, while it is still being tried to reach the third.
            try await RedlockLocks(servers: connections).lock(try uniqueName()).acquire().release()
            return connections.map { Weak(connection: $0) }
          }
          let connections = try await use()
          try await eventuallyTrue { connections.allSatisfy { $0.connection == nil } }
        }
      }
    }

    @Test("leaves nothing behind in memory where it waited for a poll that is an hour away")
    func longPoll() async throws {
      try await withRedis { server in
        // Without a subscription, which is kept for some seconds.
        try await server.command("ACL", "SETUSER", "ann", "on", ">anns", "~*", "+@all", "resetchannels")
        let held = try uniqueName()
        try await server.command("SET", "\(held)", "somebody")
        func use() async throws -> Weak {
          let connection = try RedisConnection(
            .init(port: server.port) { $0.credential = .init(user: "ann", password: "anns") }
          )
          var settings = RedisLocks.Configuration()
          settings.pollCeiling = .seconds(3600)
          let lock = try RedisLocks(executor: connection, configuration: settings).lock(held)
          let late = await #expect(throws: LockError.self) {
            try await lock.acquire(within: .milliseconds(300)).release()
          }
          #expect(late?.code == .timedOut)
          return Weak(connection: connection)
        }
        let used = try await use()
        try await eventuallyTrue { used.connection == nil }
      }
    }

    @Test("leaves nothing behind in memory, however its calls came out", arguments: [1, 3])
    func memory(count: Int) async throws {
      try await withRedisServers(count: count) { servers in
        let held = try uniqueName()
        for server in servers { try await server.command("SET", "\(held)", "somebody") }
        let connections = try await self.use(servers, held)
        try await eventuallyTrue { connections.allSatisfy { $0.connection == nil } }
      }
    }
  }
}

import InMemoryLogging
import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import Logging
import ServiceLifecycle
import Testing

@testable import LatchkeyRedis

@Suite("Redis clients as services", .serialized, .timeLimit(.minutes(2)))
struct RedisServiceServerTests {
  private let logger = Logger.quiet

  /// Runs a group, has it hold a lock, and shuts it down: others must get the lock long before its TTL of 30 s is over.
  private func shutDown(
    _ services: [any Service],
    holding lock: any DistributedLock,
    seenBy other: any DistributedLock
  ) async throws {
    let group = ServiceGroup(services: services, logger: self.logger)
    let running = Task { try await group.run() }
    let lease = try await lock.acquire(within: .seconds(10))
    let held = lease.held
    await group.triggerGracefulShutdown()
    try await running.value
    #expect(!held.isHeld)
    #expect(await held.lost?.code == .lockLost)
    try await other.acquire(within: .seconds(5)).release()
    // Too late, and says so; nothing of the later holder is touched.
    do throws(LockError) {
      try await lease.release()
      Issue.record("a lost lease must say so when it is released")
    } catch {
      #expect(error.code == .lockLost)
    }
  }

  @Test("a graceful shutdown releases what a connection's locks hold")
  func redis() async throws {
    let port = try await SharedRedis.value.port
    let name = try uniqueName()
    let connection = try RedisConnection(.init(port: port))
    let locks = try RedisLocks(executor: connection)
    try await withConnection { other in
      try await self.shutDown(
        [connection, locks],
        holding: locks.lock(name),
        seenBy: try RedisLocks(executor: other).lock(name)
      )
    }
    let error = try await redisError { _ = try await connection.send(RedisCommand("PING")) }
    #expect(error.code == .closed, "the connection is closed after its locks")
  }

  @Test("what was granted a moment ago is released with the rest, whoever else has not heard of it yet")
  func grantedJustNow() async throws {
    let port = try await SharedRedis.value.port
    let connection = try await RedisConnection.connect(.init(port: port))
    let locks = try RedisLocks(executor: connection)
    var left = 0
    for _ in 0..<2_000 {
      guard let lease = try await locks.lock(try uniqueName()).tryAcquire() else {
        Issue.record("nobody else asks for it")
        return
      }
      let held = lease.held
      await locks.releaseAll()
      if held.isHeld { left += 1 }
      do throws(LockError) { try await lease.release() } catch { #expect(error.code == .lockLost) }
    }
    #expect(left == 0)
    await connection.close()
  }

  @Test("a graceful shutdown releases what a quorum holds")
  func redlock() async throws {
    let servers = try await QuorumOfRedis.five.value
    let name = try uniqueName()
    func connections() throws -> [RedisConnection] {
      try servers.map { try RedisConnection(.init(port: $0.port) { $0.tracksServer = true }) }
    }
    let (mine, others) = (try connections(), try connections())
    let locks = try RedlockLocks(servers: mine)
    try await self.shutDown(
      mine + [locks],
      holding: locks.lock(name),
      seenBy: try RedlockLocks(servers: others).lock(name)
    )
    for connection in others { await connection.close() }
  }

  @Test("a connection waits for a server that is not there yet, and its group goes on")
  func startsBeforeTheServer() async throws {
    try await withRedis { server in
      await server.kill()
      var lines = InMemoryLogHandler()
      lines.logLevel = .trace
      let connection = try RedisConnection(
        .init(port: server.port) { [lines] in $0.logger = Logger(label: "test") { _ in lines } }
      )
      let group = ServiceGroup(services: [connection], logger: self.logger)
      let running = Task { try await group.run() }
      let error = try await redisError { _ = try await connection.send(RedisCommand("PING")) }
      #expect(error.code == .unreachable)
      try await eventuallyTrue {
        lines.entries.contains { $0.level == .warning && "\($0.message)".contains("Connection refused") }
      }
      try server.launch()
      try await eventuallyTrue { (try? await connection.send(RedisCommand("PING"))) == Corpus.text("PONG") }
      await group.triggerGracefulShutdown()
      try await running.value
      expectEqual(try await redisError { _ = try await connection.send(RedisCommand("PING")) }.code, .closed)
    }
  }

  @Test("a quorum's group starts with a minority of its servers down")
  func minorityIsDown() async throws {
    let servers = try await QuorumOfRedis.five.value
    try await withRedis { down in
      await down.kill()
      let connections = try (servers.prefix(2).map(\.port) + [down.port]).map { port in
        try RedisConnection(.init(port: port) { $0.tracksServer = true })
      }
      let locks = try RedlockLocks(servers: connections)
      let group = ServiceGroup(services: connections + [locks], logger: self.logger)
      let running = Task { try await group.run() }
      for connection in connections.prefix(2) {
        try await eventuallyTrue { (try? await connection.send(RedisCommand("PING"))) == Corpus.text("PONG") }
      }
      try await locks.lock(try uniqueName()).acquire(within: .seconds(10)).release()
      await group.triggerGracefulShutdown()
      try await running.value
    }
  }
}

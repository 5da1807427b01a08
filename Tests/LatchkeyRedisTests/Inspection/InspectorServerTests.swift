import Latchkey
import LatchkeyRedis
import LatchkeyTestSupport
import LatchkeyTesting
import Subprocess
import Testing

@Suite("Looking at locks on Redis", .timeLimit(.minutes(3)))
struct InspectorServerTests {
  @Test("a lock that nobody has ever used is free, and looking makes no key")
  func unknown() async throws {
    let name = try uniqueName("inspect")
    try await withConnection { connection in
      let report = try await RedisLockInspector(executor: connection).inspect(name)
      #expect(report.isFree && report.queue.isEmpty && report.waiting == 0)
    }
    let server = try await SharedRedis.value
    #expect(try await !server.has("\(name)"))
    #expect(try await !server.has("{\(name)}:latchkey"))
  }

  @Test("the holder is shown with who it is, its token, its age, and what is left; the one that is removed is told")
  func remove() async throws {
    let server = try await SharedRedis.value
    let name = try uniqueName("inspect")
    try await LockClient.with([server], timeToLive: .seconds(2)) { client in
      let lease = try await client.lock(name).acquire(within: .seconds(10))
      try await LockClient.with([server]) { other in
        try await withConnection { connection in
          let inspector = RedisLockInspector(executor: connection)
          let waiter = Task { try await other.lock(name).withLock(within: .seconds(30)) { $0.isHeld } }
          try await eventuallyTrue { try await inspector.inspect(name).waiting == 1 }
          let holder = try #require(try await inspector.inspect(name).holder)
          #expect(holder.host == ThisProcess.host && holder.pid == ThisProcess.id && holder.label == client.label)
          #expect(holder.token == lease.held.token)
          #expect(try #require(holder.remaining) <= .seconds(2))
          #expect(try #require(holder.age) < .seconds(60))

          #expect(try await inspector.remove(holder, from: name))
          #expect(try await waiter.value)
          // The next extension finds the key gone.
          try await eventuallyTrue { !lease.held.isHeld }
          #expect(try await !inspector.remove(holder, from: name))
        }
      }
      do throws(LockError) {
        try await lease.release()
        Issue.record("the lease was released as if it had stood")
      } catch {
        #expect(error.code == .lockLost)
      }
    }
  }

  @Test("a holder that came after the one that was seen is left alone")
  func changed() async throws {
    let server = try await SharedRedis.value
    let name = try uniqueName("inspect")
    try await withConnection { connection in
      let inspector = RedisLockInspector(executor: connection)
      try await server.command("SET", "\(name)", "first", "PX", "60000")
      let seen = try #require(try await inspector.inspect(name).holder)
      try await server.command("SET", "\(name)", "second", "PX", "60000")
      #expect(try await !inspector.remove(seen, from: name))
      #expect(try await server.value(of: "\(name)") == "second")
    }
  }

  @Test("a holder of redis-py is shown by its value alone, and can be removed")
  func redisPy() async throws {
    let server = try await SharedRedis.value
    let name = try uniqueName("inspect")
    let script = "import redis, sys; redis.Redis(port=int(sys.argv[1])).lock(sys.argv[2], timeout=60).acquire()"
    let result = try await Subprocess.run(
      .name("env"),
      arguments: ["/usr/bin/python3", "-c", script, "\(server.port)", "\(name)"],
      output: .discarded,
      error: .string(limit: 1 << 16)
    )
    try #require(result.terminationStatus.isSuccess, "\(result.standardError)")
    try await withConnection { connection in
      let inspector = RedisLockInspector(executor: connection)
      let holder = try #require(try await inspector.inspect(name).holder)
      #expect(try await server.value(of: "\(name)") == holder.identity)
      #expect(
        holder.host == nil && holder.pid == nil && holder.label == nil && holder.token == nil && holder.age == nil
      )
      #expect(try #require(holder.remaining) > .seconds(30))
      try await LockClient.with([server]) { client in
        #expect(try await client.lock(name).tryAcquire() == nil)
        #expect(try await inspector.remove(holder, from: name))
        try await client.lock(name).acquire(within: .seconds(10)).release()
      }
    }
  }

  @Test("a key without a TTL is a holder that never ends, and a key that is no lock an error that says so")
  func oddities() async throws {
    let server = try await SharedRedis.value
    let (endless, list) = (try uniqueName("inspect"), try uniqueName("inspect"))
    try await server.command("SET", "\(endless)", "by hand")
    try await server.command("LPUSH", "\(list)", "no lock")
    try await withConnection { connection in
      let inspector = RedisLockInspector(executor: connection)
      let holder = try #require(try await inspector.inspect(endless).holder)
      #expect(holder.identity == "by hand" && holder.remaining == nil)
      #expect(try await inspector.remove(holder, from: endless))
      let refusal = await #expect(throws: LockError.self) { try await inspector.inspect(list) }
      #expect(refusal?.code == .backendFailure)
    }
    try await server.command("DEL", "\(list)")
  }
}

@Suite("Looking at locks on a majority of Redis servers", .timeLimit(.minutes(3)))
struct RedlockInspectorServerTests {
  private static func with<R>(
    _ servers: [RedisServer],
    _ body: (RedlockInspector) async throws -> R
  ) async throws -> R {
    let connections = try servers.map { try RedisConnection(RedisConnection.Configuration(port: $0.port)) }
    do {
      let result = try await body(RedlockInspector(servers: connections))
      for connection in connections { await connection.close() }
      return result
    } catch {
      for connection in connections { await connection.close() }
      throw error
    }
  }

  @Test("the holder is who has the majority; each server's answer is shown; the one that is removed is told")
  func remove() async throws {
    let servers = try await QuorumOfRedis.five.value
    let name = try uniqueName("inspect")
    try await LockClient.with(servers, timeToLive: .seconds(2), changeRedlock: { $0.timeToLive = .seconds(2) }) {
      client in
      try await Self.with(servers) { inspector in
        #expect(try await inspector.inspect(name).isFree)
        let lease = try await client.lock(name).acquire(within: .seconds(20))
        let report = try await inspector.inspect(name)
        let holder = try #require(report.holder)
        #expect(holder.label == client.label && holder.token == nil)
        #expect(report.votes.map(\.server) == servers.map(\.connectString))
        #expect(report.votes.count { $0.contender?.handle == holder.handle } >= 3)
        #expect(try await inspector.remove(holder, from: name))
        #expect(try await !inspector.remove(holder, from: name))
        try await eventuallyTrue { !lease.held.isHeld }
        try await client.lock(name).acquire(within: .seconds(20)).release()
        do throws(LockError) { try await lease.release() } catch { #expect(error.code == .lockLost) }
      }
    }
  }

  @Test("keys on a minority hold nothing, but are shown")
  func minority() async throws {
    let servers = try await QuorumOfRedis.five.value
    let name = try uniqueName("inspect")
    for server in servers.prefix(2) { try await server.command("SET", "\(name)", "a", "PX", "60000") }
    try await servers[2].command("SET", "\(name)", "b", "PX", "60000")
    try await Self.with(servers) { inspector in
      let report = try await inspector.inspect(name)
      #expect(report.isFree)
      #expect(report.votes.map { $0.contender?.identity } == ["a", "a", "b", nil, nil])
      try await servers[2].command("SET", "\(name)", "a", "PX", "20000")
      let holder = try #require(try await inspector.inspect(name).holder)
      // It keeps its majority as long as the third of them stands.
      #expect(try #require(holder.remaining) <= .seconds(20))
      #expect(try await inspector.remove(holder, from: name))
    }
    for server in servers { #expect(try await !server.has("\(name)")) }
  }

  @Test("a minority of servers that is gone is shown; without a majority nobody can tell")
  func gone() async throws {
    let servers = try await QuorumOfRedis.five.value
    let name = try uniqueName("inspect")
    func inspector(_ reachable: Int) throws -> (RedlockInspector, [RedisConnection]) {
      // Port 1 of the loopback interface has nobody behind it.
      let ports = servers.prefix(reachable).map(\.port) + Array(repeating: 1, count: 5 - reachable)
      let connections = try ports.map { try RedisConnection(RedisConnection.Configuration(port: $0)) }
      return (RedlockInspector(servers: connections), connections)
    }
    let (enough, first) = try inspector(3)
    let report = try await enough.inspect(name)
    #expect(report.isFree && report.votes.map { $0.failure != nil } == [false, false, false, true, true])
    let (few, second) = try inspector(2)
    let later = await #expect(throws: LockError.self) { try await few.inspect(name) }
    #expect(later?.code == .unreachable)
    for connection in first + second { await connection.close() }
  }
}

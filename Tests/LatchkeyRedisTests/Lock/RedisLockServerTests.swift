import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@testable import LatchkeyRedis

@Suite("The lock on one Redis server", .serialized, .timeLimit(.minutes(5)))
struct RedisLockServerTests {
  @Test("costs one request to take and one to give back")
  func requests() async throws {
    try await LockClient.with([try await SharedRedis.value]) { client in
      let lock = client.lock(try uniqueName())
      try await lock.acquire().release()
      let before = await client.proxies[0].counters
      for _ in 0..<10 { try await lock.acquire().release() }
      let after = await client.proxies[0].counters
      #expect(after.arrivedFromClients.frames - before.arrivedFromClients.frames == 20)
      #expect(after.accepted == 1, "nobody waits, so nobody subscribes")
    }
  }

  @Test("outlives a connection that is silently dead while new ones work, however short its TTL")
  func silentlyDead() async throws {
    // Commands may take longer than the lease lasts: it is the silence that shows it.
    let client = try await LockClient.open([try await SharedRedis.value]) { $0.commandTimeout = .seconds(10) }
    do {
      let lease = try await client.lock(try uniqueName()).acquire()
      let held = lease.held
      let proxy = client.proxies[0]
      let dead = await proxy.counters.accepted
      let granted = try #require(held.deadline)
      await proxy.onFrame { $0.connection <= dead ? .hold : .pass }
      try await eventuallyTrue { !held.isHeld || held.deadline.map { $0 > granted + .seconds(1) } ?? true }
      #expect(held.isHeld)
      try await lease.release()
      await client.close()
    } catch {
      await client.close()
      throw error
    }
  }

  @Test("hands over within the process with two requests each")
  func localRequests() async throws {
    try await LockClient.with([try await SharedRedis.value]) { client in
      let lock = client.lock(try uniqueName())
      let before = await client.proxies[0].counters
      try await withThrowingTaskGroup { group in
        for _ in 0..<100 { group.addTask { try await lock.acquire().release() } }
        try await group.waitForAll()
      }
      let frames = await client.proxies[0].counters.arrivedFromClients.frames - before.arrivedFromClients.frames
      #expect((200...205).contains(frames), "\(frames) requests")
    }
  }

  @Test("is a plain string with a TTL under its own name, and beside it a counter that goes away a day later")
  func keys() async throws {
    let server = try await SharedRedis.value
    let name = try uniqueName()
    try await LockClient.with([server], changeLocks: { $0.prefix = "app:" }) { client in
      let lease = try await client.lock(name).acquire()
      let value = try #require(try await server.value(of: "app:\(name)"))
      let parts = value.split(separator: ":")
      #expect(parts.count == 4 && parts[0].count == 32 && parts[3] == client.label)
      #expect((1...3000).contains(try await server.remaining(of: "app:\(name)")))
      #expect(try await server.value(of: "{app:\(name)}:latchkey") == lease.held.token.map { "\($0.major)" })
      #expect((86_000_000...86_400_000).contains(try await server.remaining(of: "{app:\(name)}:latchkey")))
      try await lease.release()
    }
  }

  @Test("keeps its tokens growing when the counter is lost, and when it is ahead of the clock")
  func tokens() async throws {
    let server = try await SharedRedis.value
    let name = try uniqueName()
    try await LockClient.with([server]) { client in
      var last = FencingToken(major: 0)
      for round in 0..<6 {
        if round == 2 { try await server.command("DEL", "{\(name)}:latchkey") }
        if round == 4 { try await server.command("SET", "{\(name)}:latchkey", "8000000000000000") }
        let lease = try await client.lock(name).acquire()
        let token = try #require(lease.held.token)
        #expect(token > last)
        last = token
        try await lease.release()
      }
      #expect(last.major == 8_000_000_000_000_002)
    }
  }

  @Test("its script gives an owner who comes again the same token, and a stale one never")
  func repeated() async throws {
    let server = try await SharedRedis.value
    let keys = LockKeys(try uniqueName(), prefix: "")
    try await withConnection(port: server.port) { connection in
      func ask(_ owner: String) async throws -> [RedisValue] {
        let words = [Array(owner.utf8), Array("5000".utf8), Array("86400000".utf8)]
        let reply = try await connection.send(
          RedisScript.acquire.fullCommand(keys: [keys.lock, keys.counter], arguments: words)
        )
        guard case .array(let values) = reply else { return [] }
        return values
      }
      let first = try await ask("a")
      #expect(first.first == .integer(1))
      #expect(try await ask("a") == first)
      // Only the counter is lost: the repeat gets a greater token than the first.
      try await server.command("DEL", String(decoding: keys.counter, as: UTF8.self))
      let second = try await ask("a")
      #expect(try await ask("a") == second && second != first)
      // The key runs out, another comes: the repeat finds it in the way.
      try await server.command("DEL", String(decoding: keys.lock, as: UTF8.self))
      let third = try await ask("b")
      #expect(third != second && third.first == .integer(1))
      #expect(try await ask("a").first == .integer(0))
      // The other has gone, too: a new grant, with a token of its own.
      try await server.command("DEL", String(decoding: keys.lock, as: UTF8.self))
      let fourth = try await ask("a")
      #expect(fourth.first == .integer(1) && fourth != first && fourth != second && fourth != third)
      try await server.command("DEL", String(decoding: keys.lock, as: UTF8.self))
    }
  }

  @Test("an extension never plants the key again, nor takes another's")
  func extends() async throws {
    let server = try await SharedRedis.value
    for other in [nil, "somebody else"] {
      let name = try uniqueName()
      try await LockClient.with([server]) { client in
        let lease = try await client.lock(name).acquire()
        let held = lease.held
        try await held.extend()
        try await server.command("DEL", "\(name)")
        if let other { try await server.command("SET", "\(name)", other, "PX", "5000") }
        let error = await #expect(throws: LockError.self) { try await held.extend() }
        #expect(error?.code == .lockLost)
        #expect(!held.isHeld)
        #expect(await held.lost?.code == .lockLost)
        await lease.releaseQuietly()
        #expect(try await server.value(of: "\(name)") == other)
      }
    }
  }

  @Test("says so when its key holds something else, and refuses the names of its counters")
  func keyInUse() async throws {
    let server = try await SharedRedis.value
    let name = try uniqueName()
    try await server.command("RPUSH", "\(name)", "x")
    try await LockClient.with([server]) { client in
      let error = await failure(of: client.lock(name), within: nil)
      #expect(error?.code == .backendFailure)
      #expect(error?.message.contains("something else than a lock") == true)
      let reserved = await failure(of: client.lock("{x}:latchkey"), within: nil)
      #expect(reserved?.code == .invalidName)
    }
    try await LockClient.with([server]) {
      $0.prefix = "{x}:"
    } _: { client in
      let reserved = await failure(of: client.lock("latchkey"), within: nil)
      #expect(reserved?.code == .invalidName)
    }
  }

  @Test("takes what a server refuses within a script for what it is, also before version 7 of Redis")
  func refusedInScript() {
    func isTransient(_ text: String) -> Bool { RedisError(.server, text).isTransient }
    let wrapped = "ERR Error running script (call to f_b81b44ef): @user_script:5: @user_script: 5: "
    #expect(isTransient("READONLY You can't write against a read only replica. script: b81b44ef, on @user_script:5."))
    #expect(isTransient(wrapped + "-READONLY You can't write against a read only replica."))
    #expect(isTransient(wrapped + "-MISCONF Redis is configured to save RDB snapshots, but it's currently unable to."))
    #expect(!isTransient(wrapped + "-WRONGTYPE Operation against a key holding the wrong kind of value"))
    #expect(!isTransient(wrapped + "Script attempted to access nonexistent global variable 'x'"))
    let error = LockError("a", RedisError(.server, wrapped + "-WRONGTYPE Operation against a key"))
    #expect(error.message.contains("something else than a lock"))
  }

  @Test("is handed to another client at once, by a word and not by the poll")
  func wakeUp() async throws {
    let server = try await SharedRedis.value
    let name = try uniqueName()
    let open = {
      // A busy machine takes more than a second for so many: a subscription that is confirmed too late is given up.
      try await LockClient.open(
        [server],
        timeToLive: .seconds(60),
        changeConnection: { $0.commandTimeout = .seconds(10) },
        changeLocks: { $0.pollCeiling = .seconds(60) }
      )
    }
    let (first, second) = (try await open(), try await open())
    for _ in 0..<5 {
      let lease = try await first.lock(name).acquire()
      let waiter = Task { try await second.lock(name).acquire(within: .seconds(20)).release() }
      try await eventuallyTrue { try await server.command("PUBSUB", "NUMSUB", "{\(name)}:latchkey").last == "1" }
      let start = ContinuousClock.now
      try await lease.release()
      try await waiter.value
      #expect(start.duration(to: .now) < .seconds(5))
    }
    await first.close()
    await second.close()
  }

  @Test("is noticed within the poll when a holder releases without a word, and by its TTL when it dies")
  func poll() async throws {
    let server = try await SharedRedis.value
    let (silent, dying) = (try uniqueName(), try uniqueName())
    try await LockClient.with([server], changeLocks: { $0.pollCeiling = .milliseconds(200) }) { client in
      // Without a TTL, as other clients do if asked to.
      try await server.command("SET", "\(silent)", "other")
      let error = await failure(of: client.lock(silent), within: .milliseconds(300))
      #expect(error?.code == .timedOut && error?.wait?.holder == "\"other\"")
      let waiter = Task { try await client.lock(silent).acquire(within: .seconds(20)).release() }
      try await eventuallyTrue { try await server.command("PUBSUB", "NUMSUB", "{\(silent)}:latchkey").last == "1" }
      try await server.command("DEL", "\(silent)")
      let start = ContinuousClock.now
      try await waiter.value
      #expect(start.duration(to: .now) < .seconds(3))
    }
    try await LockClient.with([server], changeLocks: { $0.pollCeiling = .seconds(60) }) { client in
      try await server.command("SET", "\(dying)", "other", "PX", "400")
      let start = ContinuousClock.now
      try await client.lock(dying).acquire(within: .seconds(20)).release()
      #expect(start.duration(to: .now) < .seconds(5))
    }
  }

  @Test("survives renewals that fail for a while, and is lost by its deadline when they fail for good")
  func renewals() async throws {
    try await LockClient.with([try await SharedRedis.value], timeToLive: .seconds(2)) { client in
      let lease = try await client.lock(try uniqueName()).acquire()
      let held = lease.held
      for _ in 0..<3 {
        await client.cutOff()
        try await Task.sleep(for: .milliseconds(500))
        await client.heal()
        let deadline = try #require(held.deadline)
        try await eventuallyTrue(within: .seconds(5)) { held.deadline.map { $0 > deadline } ?? false }
        #expect(held.isHeld)
      }
      await client.cutOff()
      let loss = await held.lost
      let late = (held.deadline ?? .now).duration(to: .now)
      #expect(loss?.code == .lockLost && late < .seconds(1))
      await client.heal()
      await lease.releaseQuietly()
      // The next lease of that name is renewed again.
      let next = try await client.lock(held.name).acquire(within: .seconds(20))
      let nextHeld = next.held
      let deadline = try #require(nextHeld.deadline)
      try await eventuallyTrue(within: .seconds(5)) { nextHeld.deadline.map { $0 > deadline } ?? false }
      try await next.release()
    }
  }

  @Test("is kept no longer than the longest hold, though its holder does not let go")
  func longestHold() async throws {
    let server = try await SharedRedis.value
    let name = try uniqueName()
    try await LockClient.with([server], timeToLive: .seconds(1), changeLocks: { $0.longestHold = .seconds(2) }) {
      client in
      let start = ContinuousClock.now
      let lease = try await client.lock(name).acquire()
      let loss = await lease.held.lost
      let held = start.duration(to: .now)
      #expect(loss?.code == .lockLost && held > .milliseconds(1500) && held < .seconds(3), "\(held)")
      try await LockClient.with([server]) { other in try await other.lock(name).acquire(within: .seconds(5)).release() }
      await lease.releaseQuietly()
    }
  }

  @Test("hundreds of locks wait on one connection, and all are handed over")
  func manyNames() async throws {
    let server = try await SharedRedis.value
    let many = try uniqueName("many")
    let names = try (0..<500).map { try LockName("\(many)-\($0)") }
    let open = {
      // A busy machine takes more than a second for so many: a subscription that is confirmed too late is given up.
      try await LockClient.open(
        [server],
        timeToLive: .seconds(60),
        changeConnection: { $0.commandTimeout = .seconds(10) },
        changeLocks: { $0.pollCeiling = .seconds(60) }
      )
    }
    let (first, second) = (try await open(), try await open())
    var leases: [LeaseBox] = []
    for name in names { leases.append(LeaseBox(try await first.lock(name).acquire())) }
    try await withThrowingTaskGroup { group in
      for name in names {
        group.addTask { try await second.lock(name).acquire(within: .seconds(60)).release() }
      }
      try await eventuallyTrue { try await server.command("PUBSUB", "CHANNELS", "{\(many)-*").count == names.count }
      for lease in leases { try await lease.release() }
      try await group.waitForAll()
    }
    #expect(await second.proxies[0].counters.accepted == 2, "one connection for requests, one for all subscriptions")
    await first.close()
    await second.close()
  }

  @Test("refuses settings that can never work")
  func configuration() async throws {
    try await withConnection { connection in
      for change in [
        { $0.timeToLive = .milliseconds(9) },
        { $0.timeToLive = .zero },
        { $0.longestHold = .seconds(1) },
        { $0.pollCeiling = .zero },
      ] as [(inout RedisLocks.Configuration) -> Void] {
        var configuration = RedisLocks.Configuration()
        change(&configuration)
        let error = #expect(throws: LockError.self) {
          try RedisLocks(executor: connection, configuration: configuration)
        }
        #expect(error?.code == .invalidConfiguration)
      }
    }
  }

  @Test("a server that was never there ends even a wait without end")
  func neverThere() async throws {
    let connection = try RedisConnection(RedisConnection.Configuration(host: "127.0.0.1", port: 1))
    let locks = try RedisLocks(executor: connection)
    let error = await failure(of: locks.lock(try uniqueName()), within: nil)
    #expect(error?.code == .unreachable)
    await connection.close()
  }

  /// A client of another library, as far as the locks can see.
  private struct Foreign: RedisExecutor {
    let connection: RedisConnection

    func send(_ command: RedisCommand) async throws(RedisError) -> RedisValue {
      try await self.connection.send(command)
    }

    func subscribe(to channel: String) async throws(RedisError) -> AsyncStream<String> {
      try await self.connection.subscribe(to: channel)
    }
  }

  @Test("works through any other client, too")
  func foreignClient() async throws {
    let server = try await SharedRedis.value
    let name = try uniqueName()
    let counter = Shared(0)
    try await withConnection(port: server.port) { first in
      try await withConnection(port: server.port) { second in
        let locks = try [first, second].map { try RedisLocks(executor: Foreign(connection: $0)) }
        try await withThrowingTaskGroup { group in
          for worker in 0..<8 {
            let lock = locks[worker % 2].lock(name)
            group.addTask {
              for _ in 0..<20 {
                try await lock.withLock(within: .seconds(60)) { _ in
                  let value = counter.value
                  await Task.yield()
                  counter.change { $0 = value + 1 }
                }
              }
            }
          }
          try await group.waitForAll()
        }
      }
    }
    #expect(counter.value == 160)
    #expect(try await !server.has("\(name)"))
  }
}

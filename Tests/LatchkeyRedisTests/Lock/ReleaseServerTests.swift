import InMemoryLogging
import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import Logging
import Testing

@testable import LatchkeyRedis

@Suite("What a Redis server does not carry out behind its holder's back", .serialized, .timeLimit(.minutes(3)))
struct ReleaseServerTests {
  private let lines: InMemoryLogHandler

  init() {
    var lines = InMemoryLogHandler()
    lines.logLevel = .warning
    self.lines = lines
  }

  private func warnings(_ text: String) -> [InMemoryLogHandler.Entry] {
    self.lines.entries.filter { "\($0.message)".contains(text) }
  }

  /// Lends a client of a server that forbids its user a command.
  private func withClient(
    forbidding command: String,
    timeToLive: Duration = .seconds(20),
    _ body: (RedisServer, LockClient) async throws -> Void
  ) async throws {
    let server = try await SharedRedis.value
    let user = "user-\(UInt64.random(in: 0 ... .max))"
    try await server.command("ACL", "SETUSER", user, "on", ">secret", "~*", "&*", "+@all", "-\(command)")
    let client = try await LockClient.open(
      [server],
      timeToLive: timeToLive,
      changeConnection: { $0.credential = .init(user: user, password: "secret") },
      changeLocks: { [lines] in $0.logger = Logger(label: "test") { _ in lines } }
    )
    do {
      try await body(server, client)
      await client.close()
    } catch {
      await client.close()
      throw error
    }
  }

  @Test("a release that is refused for good is logged once, reported, and makes no try wait")
  func refusedRelease() async throws {
    try await self.withClient(forbidding: "del") { server, client in
      let lock = client.lock(try uniqueName())
      let lease = try await lock.acquire(within: .seconds(10))
      let pending = try #require(try await lease.releaseReporting())
      #expect(pending.reason.contains("DEL"), "\(pending)")
      let standsFor = try #require(pending.standsFor)
      #expect(standsFor > .seconds(5) && standsFor <= .seconds(20), "\(standsFor)")
      let start = ContinuousClock.now
      for _ in 0..<3 {
        let isBusy = try await lock.tryAcquire() == nil
        #expect(isBusy)
      }
      #expect(start.duration(to: .now) < .seconds(10))
      let line = try #require(self.warnings("could not be given back").first)
      #expect(self.warnings("could not be given back").count == 1)
      #expect("\(line.metadata["error"] ?? "")".contains("DEL") && line.metadata["lock.name"] == "\(lock.name)")
      #expect(line.metadata["lock.remaining"] != nil)
      try await server.command("DEL", "\(lock.name)")
    }
  }

  @Test("a release that fails for a while makes no try wait, and is carried out when it can be")
  func failedRelease() async throws {
    try await withRedis { server in
      try await LockClient.with(
        [server],
        timeToLive: .seconds(30),
        changeLocks: { [lines] in $0.logger = Logger(label: "test") { _ in lines } }
      ) { client in
        let lock = client.lock(try uniqueName())
        let lease = try await lock.acquire(within: .seconds(10))
        try await server.command("CONFIG", "SET", "min-replicas-to-write", "1")
        let pending = try #require(try await lease.releaseReporting())
        #expect(pending.reason.contains("NOREPLICAS"))
        let start = ContinuousClock.now
        do throws(LockError) {
          let isBusy = try await lock.tryAcquire() == nil
          #expect(isBusy)
        } catch {
          #expect(error.code == .unreachable)
        }
        #expect(start.duration(to: .now) < .seconds(15))
        try await server.command("CONFIG", "SET", "min-replicas-to-write", "0")
        try await eventuallyTrue(within: .seconds(20)) { try await !server.has("\(lock.name)") }
        #expect(self.warnings("could not be given back yet").count == 1)
      }
    }
  }

  @Test("a renewal that is refused is logged once, and is the reason of the loss")
  func refusedRenewal() async throws {
    try await self.withClient(forbidding: "pexpire", timeToLive: .milliseconds(1500)) { _, client in
      let lease = try await client.lock(try uniqueName()).acquire(within: .seconds(10))
      let loss = try #require(await lease.held.lost)
      #expect(loss.message.contains("PEXPIRE"), "\(loss)")
      #expect(self.warnings("cannot be renewed").count == 1)
      await lease.releaseQuietly()
    }
  }

  @Test("what the user may not run in a script is no failure of the backend, and is named", arguments: ["time", "get"])
  func deniedCommand(command: String) async throws {
    try await self.withClient(forbidding: command) { _, client in
      let error = try #require(await failure(of: client.lock(try uniqueName()), within: .seconds(10)))
      #expect(error.code == .notAuthorized)
      #expect("\(error)".contains("may not run \(command.uppercased())"), "\(error)")
    }
  }

  @Test("a server that cannot read the key while it extends does not end the lease")
  func staleReplica() async throws {
    try await withRedis { server in
      try await LockClient.with([server], timeToLive: .seconds(30)) { client in
        let lease = try await client.lock(try uniqueName()).acquire(within: .seconds(10))
        let held = lease.held
        try await server.command("CONFIG", "SET", "replica-serve-stale-data", "no")
        try await server.command("REPLICAOF", "127.0.0.1", "1")
        let error = await #expect(throws: LockError.self) { try await held.extend() }
        #expect(error?.code == .unreachable, "\(String(describing: error))")
        #expect(held.isHeld)
        try await server.command("REPLICAOF", "NO", "ONE")
        try await lease.release()
      }
    }
  }

  @Test("scripts that the server has forgotten in the middle of a lease's life are sent again")
  func flushedScripts() async throws {
    try await withRedis { server in
      try await LockClient.with([server], timeToLive: .seconds(30)) { client in
        let lock = client.lock(try uniqueName())
        let lease = try await lock.acquire(within: .seconds(10))
        try await lease.held.extend()
        try await server.command("SCRIPT", "FLUSH")
        try await lease.held.extend()
        try await server.command("SCRIPT", "FLUSH")
        try await lease.release()
        #expect(try await !server.has("\(lock.name)"))
      }
    }
  }

  @Test("when all is given back, who waits in line is told that the client is closed, and nobody is granted anything")
  func releaseAll() async throws {
    let server = try await SharedRedis.value
    try await LockClient.with([server], timeToLive: .seconds(30)) { client in
      let lock = client.lock(try uniqueName())
      let lease = try await lock.acquire(within: .seconds(10))
      let held = lease.held
      let waiters = (0..<3).map { _ in Task.immediate { await failure(of: lock, within: .seconds(20)) } }
      await client.releaseAll()
      #expect(!held.isHeld)
      #expect(try await !server.has("\(lock.name)"))
      for waiter in waiters { #expect(await waiter.value?.code == .closed) }
      await lease.releaseQuietly()
      try await lock.acquire(within: .seconds(10)).release()
    }
  }

  @Test(
    "what cannot be given back before a shutdown is over is logged once, with the time for which it stands",
    arguments: [(servers: 1, silent: 1, isLogged: true), (3, 1, false), (3, 2, true)]
  )
  func droppedRelease(count: Int, silent: Int, isLogged: Bool) async throws {
    let servers = try await QuorumOfRedis.five.value.prefix(count)
    try await LockClient.with(
      Array(servers),
      timeToLive: .seconds(30),
      changeLocks: { [lines] in $0.logger = Logger(label: "test") { _ in lines } },
      changeRedlock: { [lines] in $0.logger = Logger(label: "test") { _ in lines } }
    ) { client in
      let lock = client.lock(try uniqueName())
      let lease = try await lock.acquire(within: .seconds(20))
      for proxy in client.proxies.prefix(silent) {
        await proxy.onFrame { $0.asks(for: .release) ? .drop : .pass }
      }
      await client.releaseAll()
      let said = self.warnings("was not given back before its client was shut down")
      #expect(said.count == (isLogged ? 1 : 0), "\(said)")
      for line in said {
        #expect(line.metadata["lock.name"] == "\(lock.name)")
        let remaining = "\(line.metadata["lock.remaining"] ?? "")".split(separator: " ").first.flatMap { Int($0) }
        #expect((1...30).contains(try #require(remaining)), "\(line)")
        #expect(line.metadata["error"] != nil)
      }
      await lease.releaseQuietly()
    }
  }

  @Test("deadlines count from the sending of the request, not from its answer", arguments: [1, 3])
  func deadlines(count: Int) async throws {
    let servers = try await QuorumOfRedis.five.value.prefix(count)
    let timeToLive = Duration.seconds(20)
    try await LockClient.with(
      Array(servers),
      timeToLive: timeToLive,
      changeLocks: { $0.renews = false },
      changeRedlock: { configuration in
        configuration.renews = false
        configuration.answerTimeout = .seconds(10)
      }
    ) { client in
      let lock = client.lock(try uniqueName())
      try await lock.acquire(within: .seconds(10)).release()
      let delay = Duration.milliseconds(300)
      for proxy in client.proxies { await proxy.delay(delay, .serverToClient) }
      let lease = try await lock.acquire(within: .seconds(10))
      // The answer was under way for as long as that, at least.
      func latest() -> ContinuousClock.Instant { .now - delay + timeToLive - LeaseTime.drift(timeToLive) }
      #expect(try #require(lease.held.deadline) <= latest())
      let first = try #require(lease.held.deadline)
      try await lease.held.extend()
      let second = try #require(lease.held.deadline)
      #expect(second > first && second <= latest())
      for proxy in client.proxies { await proxy.heal() }
      try await lease.release()
    }
  }

  @Test("a lock that is released without a word while its waiter subscribes is asked for again once that is confirmed")
  func asksAgain() async throws {
    let server = try await SharedRedis.value
    try await LockClient.with([server], changeLocks: { $0.pollCeiling = .seconds(3600) }) { client in
      let lock = client.lock(try uniqueName())
      // Without a TTL: nothing but the word or the second request leads to a grant.
      try await server.command("SET", "\(lock.name)", "other")
      let subscribing = await client.proxies[0].onFrame { $0.isRedisCommand("SUBSCRIBE") ? .hold : .pass }
      let waiter = Task { try await lock.acquire(within: .seconds(30)).release() }
      try await subscribing.struck()
      try await server.command("DEL", "\(lock.name)")
      await subscribing.remove()
      try await waiter.value
    }
  }

  @Test("a try ends within the time for a first answer at a server that is silent", arguments: [true, false])
  func silentServer(isFirst: Bool) async throws {
    try await withRedis { server in
      let client = try await LockClient.open(
        [server],
        changeConnection: { configuration in
          configuration.commandTimeout = .seconds(60)
          configuration.connectTimeout = .seconds(60)
          configuration.silenceLimit = .seconds(90)
        },
        changeLocks: { $0.answerTimeout = .milliseconds(200) }
      )
      let lock = client.lock(try uniqueName())
      if !isFirst { try await lock.acquire(within: .seconds(10)).release() }
      try server.pause()
      let start = ContinuousClock.now
      let error = await #expect(throws: LockError.self) { _ = try await lock.tryAcquire() == nil }
      #expect(error?.code == .unreachable)
      #expect(await failure(of: lock, within: .zero)?.code == .unreachable)
      #expect(start.duration(to: .now) < .seconds(20))
      try server.resume()
      await client.close()
    }
  }

  @Test("the value of a turn is another each time, in both halves of its number, also among clients")
  func owners() {
    let owners = (0..<4).map { _ in OwnerIdentity(label: nil) }
    let numbers = owners.flatMap { owner in (0..<50).map { _ in owner.next().prefix(32) } }
    #expect(Set(numbers.map { $0.prefix(16) }).count == numbers.count)
    #expect(Set(numbers.map { $0.suffix(16) }).count == numbers.count)
  }
}

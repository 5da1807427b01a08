import Latchkey
import LatchkeyRedis
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@Suite("Redlock", .serialized, .timeLimit(.minutes(5)))
struct RedlockServerTests {
  private static func keys(_ name: LockName, on servers: [RedisServer]) async throws -> Int {
    var count = 0
    for server in servers where try await server.has("\(name)") { count += 1 }
    return count
  }

  @Test("works with two of five servers down, and goes on when they come back")
  func minorityDown() async throws {
    try await withRedisServers(count: 5) { servers in
      try await LockClient.with(servers) { client in
        let name = try uniqueName()
        for server in servers[3...] { await server.kill() }
        let lease = try await client.lock(name).acquire(within: .seconds(20))
        #expect(try await Self.keys(name, on: Array(servers[..<3])) == 3)
        let deadline = try #require(lease.held.deadline)
        let held = lease.held
        try await eventuallyTrue(within: .seconds(10)) { held.deadline.map { $0 > deadline } ?? false }
        for server in servers[3...] {
          try server.launch()
          try await server.waitUntilReady()
        }
        #expect(held.isHeld)
        try await lease.release()
        #expect(try await Self.keys(name, on: servers) == 0)
        try await client.lock(name).acquire(within: .seconds(20)).release()
      }
    }
  }

  @Test("says what each server answered when too few of them are there")
  func majorityDown() async throws {
    try await withRedisServers(count: 5) { servers in
      try await LockClient.with(servers, changeRedlock: { $0.answerTimeout = .milliseconds(2500) }) { client in
        let name = try uniqueName()
        try await client.lock(name).acquire().release()
        for server in servers[2...] { await server.kill() }
        let error = await failure(of: client.lock(name), within: .zero)
        #expect(error?.code == .unreachable)
        #expect(error?.wait?.votes.count == 5)
        #expect(error?.wait?.votes.values.count { $0 == "granted" } == 2)
        try await eventuallyTrue { try await Self.keys(name, on: Array(servers[..<2])) == 0 }
      }
    }
  }

  @Test("answers busy at once where an even number of servers is split in half", arguments: [2, 4])
  func even(count: Int) async throws {
    try await withRedisServers(count: count) { servers in
      let name = try uniqueName()
      for server in servers[(count / 2)...] { try await server.command("SET", "\(name)", "other") }
      try await LockClient.with(servers) { client in
        let isBusy = try await client.lock(name).tryAcquire() == nil
        #expect(isBusy)
        try await eventuallyTrue { try await Self.keys(name, on: Array(servers[..<(count / 2)])) == 0 }
      }
    }
  }

  @Test("does not wait for a slow server, and leaves nothing there that arrives late")
  func slowServer() async throws {
    try await withRedisServers(count: 3) { servers in
      try await LockClient.with(servers) { client in
        let name = try uniqueName()
        try await client.lock(name).acquire().release()
        await client.proxies[2].delay(.milliseconds(400), .clientToServer)
        let start = ContinuousClock.now
        let lease = try await client.lock(name).acquire()
        #expect(start.duration(to: .now) < .milliseconds(350))
        try await lease.release()
        try await eventuallyTrue { try await Self.keys(name, on: servers) == 0 }

        // Now its request arrives when the attempt has long failed.
        for server in servers[..<2] { try await server.command("SET", "\(name)", "other", "PX", "60000") }
        let arrived = await client.proxies[2].watch { $0.asks(for: .acquire) }
        let isBusy = try await client.lock(name).tryAcquire() == nil
        #expect(isBusy)
        try await arrived.struck()
        try await Task.sleep(for: .seconds(1))
        #expect(try await !servers[2].has("\(name)"))
      }
    }
  }

  @Test("when all is released at the end, nothing is left at a slow server either, of a lock or of a try in vain")
  func cleanEnd() async throws {
    try await withRedisServers(count: 3) { servers in
      try await LockClient.with(servers) { client in
        let (held, vain) = (try uniqueName(), try uniqueName())
        for server in servers[..<2] { try await server.command("SET", "\(vain)", "other", "PX", "60000") }
        try await client.lock(held).acquire().release()
        await client.proxies[2].delay(.milliseconds(100), .clientToServer)
        try await client.lock(held).acquire().release()
        await client.releaseAll()
        #expect(try await Self.keys(held, on: servers) == 0)
        // Its key is at the slow server before that has answered, and the try has failed by then.
        await client.proxies[2].heal()
        await client.proxies[2].delay(.milliseconds(100), .serverToClient)
        let isBusy = try await client.lock(vain).tryAcquire() == nil
        #expect(isBusy)
        try await eventuallyTrue { try await Self.keys(vain, on: [servers[2]]) == 1 }
        await client.releaseAll()
        #expect(try await Self.keys(vain, on: [servers[2]]) == 0)
      }
    }
  }

  @Test("refuses a quorum that is reached too late, and gives back what it planted")
  func tooLate() async throws {
    try await withRedisServers(count: 3) { servers in
      let name = try uniqueName()
      try await LockClient.with(
        servers,
        timeToLive: .milliseconds(300),
        changeRedlock: { $0.answerTimeout = .milliseconds(299) }
      ) { client in
        for proxy in client.proxies { await proxy.delay(.milliseconds(330)) }
        let error = await failure(of: client.lock(name), within: .seconds(2))
        #expect(error?.code == .unreachable, "\(String(describing: error))")
        try await eventuallyTrue { try await Self.keys(name, on: servers) == 0 }
      }
    }
  }

  @Test("split votes are resolved: of many who contend, each is served")
  func splitVotes() async throws {
    let servers = try await QuorumOfRedis.five.value
    let name = try uniqueName()
    let counter = Shared(0)
    var clients: [LockClient] = []
    for _ in 0..<6 { clients.append(try await LockClient.open(servers)) }
    try await withThrowingTaskGroup { group in
      for client in clients {
        group.addTask {
          for _ in 0..<5 {
            try await client.lock(name).withLock(within: .seconds(60)) { _ in
              let value = counter.value
              await Task.yield()
              counter.change { $0 = value + 1 }
            }
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(counter.value == 30)
    for client in clients { await client.close() }
  }

  @Test("a server that has been started again has no vote until what it forgot has run out")
  func quarantine() async throws {
    try await withRedisServers(count: 3) { servers in
      let name = try uniqueName()
      let timeToLive = Duration.seconds(2)
      try await LockClient.with(servers, timeToLive: timeToLive, changeRedlock: { $0.renews = false }) { first in
        try await LockClient.with(servers, timeToLive: timeToLive) { second in
          let other = try uniqueName()
          try await second.lock(other).acquire().release()
          let lease = try await first.lock(name).acquire()
          let held = lease.held
          // Two of three forget the lock.
          for server in servers[..<2] {
            await server.kill()
            try server.launch()
            try await server.waitUntilReady()
          }
          let restarted = ContinuousClock.now
          // The third still says no; that the others are empty must not count.
          let wait = Task {
            let next = try await second.lock(name).acquire(within: .seconds(30))
            #expect(!held.isHeld)
            try await next.release()
          }
          while held.isHeld { try await Task.sleep(for: .milliseconds(20)) }
          try await wait.value
          #expect(restarted.duration(to: .now) > timeToLive)
          await lease.releaseQuietly()
        }
      }
    }
  }

  @Test("one server that is started again in the middle costs nobody a lease")
  func oneRestarts() async throws {
    try await withRedisServers(count: 3) { servers in
      try await LockClient.with(servers, timeToLive: .seconds(2)) { client in
        let name = try uniqueName()
        let lease = try await client.lock(name).acquire()
        let held = lease.held
        await servers[1].kill()
        try servers[1].launch()
        try await servers[1].waitUntilReady()
        let deadline = ContinuousClock.now.advanced(by: .seconds(4))
        while .now < deadline {
          #expect(held.isHeld)
          try await Task.sleep(for: .milliseconds(50))
        }
        #expect(try await !servers[1].has("\(name)"), "an extension plants nothing")
        try await lease.release()
        #expect(try await Self.keys(name, on: servers) == 0)
      }
    }
  }

  @Test("is lost when a majority has lost its key, and not before")
  func majorityLost() async throws {
    try await withRedisServers(count: 5) { servers in
      try await LockClient.with(servers) { client in
        let name = try uniqueName()
        let lease = try await client.lock(name).acquire()
        let held = lease.held
        // A majority has granted it; the vote of a slow server may come after its key was deleted.
        try await eventuallyTrue { try await Self.keys(name, on: servers) == 5 }
        for server in servers[..<2] { try await server.command("DEL", "\(name)") }
        try await held.extend()
        #expect(held.isHeld)
        try await servers[2].command("DEL", "\(name)")
        let error = await #expect(throws: LockError.self) { try await held.extend() }
        #expect(error?.code == .lockLost)
        await lease.releaseQuietly()
        try await eventuallyTrue { try await Self.keys(name, on: servers) == 0 }
      }
    }
  }

  @Test("refuses settings that can never work, and connections that could not tell a restart")
  func configuration() async throws {
    func refusal(
      tracks: Bool = true,
      ports: [Int] = [1, 2, 3],
      _ change: (inout RedlockLocks.Configuration) -> Void = { _ in }
    ) throws -> LockError.Code? {
      let connections = try ports.map { port in
        try RedisConnection(RedisConnection.Configuration(port: port) { $0.tracksServer = tracks })
      }
      var configuration = RedlockLocks.Configuration()
      change(&configuration)
      do throws(LockError) {
        _ = try RedlockLocks(servers: connections, configuration: configuration)
        return nil
      } catch {
        return error.code
      }
    }
    #expect(try refusal() == nil)
    #expect(try refusal(tracks: false) == .invalidConfiguration)
    #expect(try refusal(ports: [1]) == .invalidConfiguration)
    #expect(try refusal(ports: [1, 2, 2]) == .invalidConfiguration)
    #expect(try refusal { $0.largestTimeToLive = .seconds(1) } == .invalidConfiguration)
    #expect(try refusal { $0.answerTimeout = .seconds(31) } == .invalidConfiguration)
    #expect(try refusal { $0.timeToLive = .milliseconds(5) } == .invalidConfiguration)
  }
}

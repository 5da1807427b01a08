import InMemoryLogging
import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import Logging
import Testing

@testable import LatchkeyRedis

@Suite("Which servers a Redlock counts", .serialized, .timeLimit(.minutes(3)))
struct QuorumIdentityServerTests {
  private static func restart(_ servers: [RedisServer]) async throws {
    for server in servers {
      await server.kill()
      try server.launch()
      try await server.waitUntilReady()
    }
  }

  @Test("one server under two names is refused, and nothing is left of the attempt")
  func twoNames() async throws {
    try await withRedisServers(count: 2) { servers in
      // Each seat is behind a proxy of its own, so no two have one address.
      try await LockClient.with([servers[0], servers[0], servers[1]]) { client in
        await servers[1].kill()
        let name = try uniqueName()
        for wait in [Duration.zero, .seconds(20)] {
          let error = try #require(await failure(of: client.lock(name), within: wait))
          #expect(error.code == .invalidConfiguration)
          for proxy in client.proxies[..<2] { #expect("\(error)".contains("127.0.0.1:\(proxy.port)"), "\(error)") }
        }
        try await eventuallyTrue { try await !servers[0].has("\(name)") }
      }
    }
  }

  @Test("one server under two names has one vote for an extension")
  func twoNamesExtend() async throws {
    try await withRedisServers(count: 2) { servers in
      try await LockClient.with(
        [servers[0], servers[0], servers[1]],
        timeToLive: .seconds(20),
        changeRedlock: { configuration in
          configuration.renews = false
          configuration.answerTimeout = .seconds(5)
        }
      ) { client in
        // Granted by the two others before the second name has answered.
        let late = await client.proxies[1].holdReply { $0.direction == .serverToClient }
        let lease = try await client.lock(try uniqueName()).acquire(within: .seconds(20))
        let held = lease.held
        await late.remove()
        await servers[1].kill()
        let error = await #expect(throws: LockError.self) { try await held.extend() }
        #expect(error?.code == .invalidConfiguration, "\(String(describing: error))")
        #expect(held.isHeld)
        await lease.releaseQuietly()
      }
    }
  }

  @Test("servers that were just started are waited for, and the log says once until when")
  func waits() async throws {
    var lines = InMemoryLogHandler()
    lines.logLevel = .warning
    try await withRedisServers(count: 3) { servers in
      try await Self.restart(servers)
      try await LockClient.with(
        servers,
        timeToLive: .seconds(1),
        changeRedlock: { [lines] in $0.logger = Logger(label: "test") { _ in lines } }
      ) { client in
        let name = try uniqueName()
        let short = try #require(await failure(of: client.lock(name), within: .milliseconds(200)))
        #expect(short.code == .unreachable)
        #expect("\(short)".contains("no lock can be had before"), "\(short)")
        let wait = Task { try await client.lock(name).acquire(within: nil).release() }
        try await client.lock(try uniqueName()).acquire(within: .seconds(30)).release()
        try await wait.value
      }
    }
    let announcements = lines.entries.filter { "\($0.message)".contains("no lock can be had before") }
    #expect(announcements.count == 1, "\(lines.entries.map(\.message))")
  }

  @Test("a server that follows another at its address waits, however long it has been up")
  func takenOver() async throws {
    try await withRedisServers(count: 4) { servers in
      try await LockClient.with(
        Array(servers[..<3]),
        timeToLive: .seconds(1),
        changeRedlock: { $0.largestTimeToLive = .seconds(60) }
      ) { client in
        let name = try uniqueName()
        try await client.lock(name).acquire(within: .seconds(20)).release()
        // Two of three are held by somebody else; the address of one of them then leads to a server without the key. It is a
        // second run of the fourth, which is not known to have been empty.
        for server in servers[..<2] { try await server.command("SET", "\(name)", "other", "PX", "60000") }
        try await Self.restart([servers[3]])
        await client.proxies[0].retarget(to: servers[3].port)
        await client.proxies[0].reset()
        let seat = client.proxies[0].connectString
        // Until the client has connected to it and heard its yes: two of three would be a grant.
        try await eventuallyTrue {
          let error = try #require(await failure(of: client.lock(name), within: .milliseconds(500)))
          #expect([.timedOut, .unreachable].contains(error.code), "\(error)")
          return error.wait?.votes[seat]?.contains("was started lately") == true
        }
        try await eventuallyTrue { try await !servers[3].has("\(name)") }
      }
    }
  }

  @Test("a server that takes over the address of another one of the quorum still has one vote")
  func takenOverByMember() async throws {
    try await withRedisServers(count: 3) { servers in
      try await LockClient.with(servers) { client in
        let name = try uniqueName()
        try await client.lock(name).acquire(within: .seconds(20)).release()
        // Nobody distrusts it for having been started: it is known to have been empty.
        await servers[1].kill()
        await client.proxies[0].retarget(to: servers[2].port)
        await client.proxies[0].reset()
        try await eventuallyTrue {
          let error = try #require(await failure(of: client.lock(name), within: .milliseconds(500)))
          return error.code == .invalidConfiguration && "\(error)".contains("one and the same server")
        }
        // With the address back where it was, two of three are there.
        await client.proxies[0].retarget(to: servers[0].port)
        await client.proxies[0].reset()
        try await eventuallyTrue { (try? await client.lock(name).acquire(within: .seconds(1)).release()) != nil }
      }
    }
  }
}

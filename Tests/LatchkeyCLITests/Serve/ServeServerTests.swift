import Latchkey
import LatchkeyProcesses
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@testable import LatchkeyCLI

#if Redis
@testable import LatchkeyRedis
#endif

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

@Suite("latchkey serve", .timeLimit(.minutes(2)))
struct ServeServerTests {
  @Test("serves until it is told to end, then removes everything", arguments: [SIGINT, SIGTERM])
  func served(signal: Int32) async throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let command = try Latchkey(["serve", "zookeeper", "zookeeper:3"], settings: ["TMPDIR": folder.path])
    var lines = command.outputLines.makeAsyncIterator()
    let alone = try #require(await lines.next())
    let ensemble = try #require(await lines.next())
    #expect(alone.hasPrefix("zookeeper://127.0.0.1:") && alone.hasSuffix("/"))
    #expect(ensemble.split(separator: ",").count == 3)
    let used = await
      (try Latchkey(["contend", ensemble + "orders", "--count", "3", "--json"] + SharedZooKeeper.timing))
      .outcome()
    #expect(used.status == 0, "\(used.errorText)")
    #expect(try await eventually { command.errorsSoFar.contains { $0.contains("Ctrl-C") } })

    let processes = children(of: command.process.pid)
    #expect(processes.count == 8)
    command.process.signal(signal)
    let outcome = await command.outcome()
    #expect(outcome.status == 128 + signal)
    #expect(outcome.errorText.contains("try: latchkey contend '\(alone)orders' --tick 200ms"))
    #expect(try await eventually { processes.allSatisfy { !isAlive($0) } })
    #expect(try await eventually { entries(of: folder.path) == [] })
  }

  @Test(
    "tells scripts in JSON, and is quiet if asked, for every kind of servers",
    arguments: Backends.servers.map(\.name)
  )
  func json(kind: String) async throws {
    let command = try Latchkey(["serve", kind, "--json", "--quiet"])
    var lines = command.outputLines.makeAsyncIterator()
    let line = try #require(await lines.next())
    let served = try JSON.decode([ServeCommand.Served].self, from: line)
    #expect(served.map(\.servers) == [kind])
    let server = try #require(served.first)
    #expect(kind != "zookeeper" || server.tick == "200ms")
    #expect(server.version?.lowercased().hasPrefix("\(kind) ") == true)
    let tick = server.tick.map { ["--tick", $0] } ?? []
    let used = await (try Latchkey(["contend", server.url + "orders", "--count", "3", "--quiet"] + tick)).outcome()
    #expect(used.status == 0, "\(used.errorText)")
    command.process.signal(SIGTERM)
    let outcome = await command.outcome()
    #expect(outcome.status == 143)
    #expect(outcome.errors == [])
  }

  #if Redis
  @Test("removes everything although PATH has the server and nothing else")
  func barePath() async throws {
    let folder = try TemporaryFolder()
    let programs = try TemporaryFolder()
    defer {
      folder.remove()
      programs.remove()
    }
    let (lines, found) = try await run(["sh", "-c", "command -v redis-server"])
    try #require(found == .exited(0) && lines.count == 1)
    try #require(symlink(lines[0], programs.file("redis-server")) == 0)
    let settings = ["TMPDIR": folder.path, "PATH": programs.path]
    let command = try Latchkey(["serve", "redis", "--quiet"], settings: settings)
    var urls = command.outputLines.makeAsyncIterator()
    let url = await urls.next()
    #expect(url != nil)
    command.process.signal(SIGTERM)
    #expect(await command.outcome().status == 143)
    #expect(entries(of: folder.path) == [])
  }

  @Test("says from when on the locks of Redlock can be had, which is when its servers get their votes")
  func quarantine() async throws {
    let command = try Latchkey(["serve", "redis:3"])
    #expect(try await eventually(within: .seconds(30)) { command.errorsSoFar.contains { $0.contains("Ctrl-C") } })
    command.process.signal(SIGTERM)
    let outcome = await command.outcome()
    let length = DurationText.format(RedlockBackend.quarantine)
    #expect(outcome.errorText.contains("can be had from \(length) after now on"), "\(outcome.errorText)")
    let server = RedisConnection.Configuration(host: "127.0.0.1", port: 1)
    var tracking = server
    tracking.tracksServer = true
    var other = tracking
    other.port = 2
    let connections = [try RedisConnection(tracking), try RedisConnection(other)]
    let locks = try RedlockLocks(servers: connections)
    #expect(locks.servers.probation == RedlockBackend.quarantine)
    for connection in connections { await connection.close() }
  }
  #endif

  @Test("removes everything when it is interrupted while it still starts")
  func early() async throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let command = try Latchkey(["serve", "zookeeper:3"], settings: ["TMPDIR": folder.path])
    #expect(try await eventually(within: .seconds(30)) { !children(of: command.process.pid).isEmpty })
    command.process.signal(SIGINT)
    let outcome = await command.outcome()
    #expect(outcome.status == 130)
    #expect(outcome.output == [])
    #expect(try await eventually { entries(of: folder.path) == [] })
  }
}

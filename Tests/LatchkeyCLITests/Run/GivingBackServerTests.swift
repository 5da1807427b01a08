import Latchkey
import LatchkeyProcesses
import LatchkeyTesting
import Testing

@testable import LatchkeyCLI

@Suite("A lock that run gives back, or cannot", .timeLimit(.minutes(2)))
struct GivingBackServerTests {
  /// Runs a command, does something to its lock or server, and then lets the command end.
  private func run(
    _ url: String,
    options: [String] = [],
    letsGo: Bool = true,
    _ harm: () async throws -> Void
  ) async throws -> Latchkey.Outcome {
    let command = try Latchkey(["run"] + options + [url, "--", "sh", "-c", "echo up; read -r word; exit 3"])
    var lines = command.outputLines.makeAsyncIterator()
    let word = await lines.next()
    try #require(word == "up", "\(command.errorsSoFar)")
    try await harm()
    if letsGo {
      Descriptors.write("go\n", to: command.input)
      return await command.outcome()
    }
    return await command.outcome(closingInput: false)
  }

  // MARK: The servers do not confirm it

  private func expectOneLine(_ outcome: Latchkey.Outcome, _ words: String...) {
    #expect(outcome.status == 3)
    #expect(outcome.errors.count == 1)
    for word in ["could not be given back ("] + words { #expect(outcome.errorText.contains(word), "\(outcome.errors)") }
  }

  @Test("is missed if the server refuses to free it: one line, and the command's own status")
  func refused() async throws {
    try await withRedis { server in
      let outcome = try await self.run("redis://\(server.connectString)/x", options: ["--ttl", "60s"]) {
        try await server.command("CONFIG", "SET", "min-replicas-to-write", "1")
      }
      self.expectOneLine(outcome, "NOREPLICAS", "others wait for it up to 5")
    }
  }

  @Test("is missed if the server is down: one line, and the command's own status")
  func redisDown() async throws {
    try await withRedis { server in
      let outcome = try await self.run("redis://\(server.connectString)/x", options: ["--ttl", "60s"]) {
        await server.kill()
      }
      self.expectOneLine(outcome, "others wait for it up to 5")
    }
  }

  @Test("is missed if ZooKeeper is down: one line, and the command's own status")
  func zooKeeperDown() async throws {
    try await withZooKeeper { server in
      let url = "zookeeper://\(server.connectString)/x"
      let outcome = try await self.run(url, options: ["--tick", "200ms"]) { await server.kill() }
      self.expectOneLine(outcome, "until its session ends")
    }
  }

  @Test("is missed if etcd is down: one line, and the command's own status")
  func etcdDown() async throws {
    try await withEtcd { server in
      let outcome = try await self.run("etcd://\(server.endpoint)/x") { await server.kill() }
      self.expectOneLine(outcome, "until its session ends")
    }
  }

  // MARK: It was deleted by hand

  private func expectLoss(_ outcome: Latchkey.Outcome, _ end: String) {
    #expect(outcome.status == 122)
    #expect(outcome.errors.count == 1 && outcome.errorText.contains("\" was lost: "), "\(outcome.errors)")
    #expect(outcome.errorText.contains(end), "\(outcome.errors)")
  }

  private func deletes(_ url: String, options: [String] = []) async throws {
    let outcome = await (try Latchkey(["break", "--yes", url] + options)).outcome()
    try #require(outcome.status == 0, "\(outcome.errorText)")
  }

  @Test("was deleted, which Redis says at the release: status 122 and one line")
  func deletedUnnoticed() async throws {
    let url = try await SharedRedis.url("back/unnoticed")
    let outcome = try await self.run(url, options: ["--ttl", "600s"]) { try await self.deletes(url) }
    self.expectLoss(outcome, "the command has ended, perhaps not in time")
  }

  @Test("was deleted, which a renewal finds at Redis: the command is ended, status 122 and one line")
  func deletedAtRedis() async throws {
    let url = try await SharedRedis.url("back/redis")
    let outcome = try await self.run(url, options: ["--ttl", "2s"], letsGo: false) { try await self.deletes(url) }
    self.expectLoss(outcome, "ending the command")
  }

  @Test("was deleted at a majority: the command is ended, status 122 and one line")
  func deletedAtRedlock() async throws {
    try await withRedisServers(count: 3) { servers in
      let url = "redlock://\(servers.map(\.connectString).joined(separator: ","))/x?ttl=1s"
      // The servers are new to the command, which believes them when what they may have forgotten has run out: it says so.
      let outcome = try await self.run(url, letsGo: false) { try await self.deletes(url) }
      #expect(outcome.status == 122)
      #expect(outcome.errors.count { $0.contains("was lost: ") && $0.contains("ending the command") } == 1)
      #expect(outcome.errors.count { $0.contains("lost") } == 1, "\(outcome.errors)")
    }
  }

  @Test("was deleted at ZooKeeper: the command is ended, status 122 and one line")
  func deletedAtZooKeeper() async throws {
    let url = try await SharedZooKeeper.url("back/deleted")
    let outcome = try await self.run(url, options: SharedZooKeeper.timing, letsGo: false) {
      try await self.deletes(url, options: SharedZooKeeper.timing)
    }
    self.expectLoss(outcome, "ending the command")
  }

  @Test("was deleted at etcd: the command is ended, status 122 and one line")
  func deletedAtEtcd() async throws {
    try await withEtcd { server in
      let url = "etcd://\(server.endpoint)/x"
      let outcome = try await self.run(url, letsGo: false) { try await self.deletes(url) }
      self.expectLoss(outcome, "ending the command")
    }
  }
}

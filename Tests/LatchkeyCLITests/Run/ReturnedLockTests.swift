import Latchkey
import LatchkeyTesting
import Testing

@testable import LatchkeyCLI

@Suite("A lock that run gives back", .timeLimit(.minutes(2)))
struct ReturnedLockTests {
  /// Runs a command that does something to the server, and waits for its word before it ends.
  private func run(
    _ url: String,
    options: [String],
    _ harm: () async throws -> Void
  ) async throws -> Latchkey.Outcome {
    let command = try Latchkey(["run"] + options + [url, "--", "sh", "-c", "echo up; read -r word; exit 3"])
    var lines = command.outputLines.makeAsyncIterator()
    let word = await lines.next()
    try #require(word == "up")
    try await harm()
    Descriptors.write("go\n", to: command.input)
    return await command.outcome()
  }

  @Test("is missed if the server refuses to free it: one line, and the command's own status")
  func refused() async throws {
    try await withRedis { server in
      let outcome = try await self.run("redis://\(server.connectString)/x", options: ["--ttl", "60s"]) {
        try await server.command("CONFIG", "SET", "min-replicas-to-write", "1")
      }
      #expect(outcome.status == 3)
      let lines = outcome.errors.filter { $0.contains("could not be given back; others wait for it up to 5") }
      #expect(lines.count == 1, "\(outcome.errors)")
    }
  }

  @Test(
    "is missed if the server is down: one line, and the command's own status",
    arguments: ["redis", "zookeeper", "etcd"]
  )
  func down(kind: String) async throws {
    func check(_ outcome: Latchkey.Outcome) {
      #expect(outcome.status == 3)
      let lines = outcome.errors.filter { $0.contains("given back (") && $0.contains("others wait for it") }
      #expect(lines.count == 1, "\(outcome.errors)")
    }
    switch kind {
    case "redis":
      try await withRedis { server in
        check(try await self.run("redis://\(server.connectString)/x", options: []) { await server.kill() })
      }
    case "zookeeper":
      try await withZooKeeper { server in
        check(
          try await self.run("zookeeper://\(server.connectString)/x", options: ["--tick", "200ms"]) {
            await server.kill()
          }
        )
      }
    default:
      try await withEtcd { server in
        check(try await self.run("etcd://\(server.endpoint)/x", options: []) { await server.kill() })
      }
    }
  }

  @Test("is no matter if nobody holds it, or somebody else does")
  func fine() throws {
    let name = try LockName("orders")
    let token = FencingToken(major: 7)
    let lock = ReturnedLock(name: name, token: token, remaining: .seconds(20))
    let backend = LockBackend(kind: "fake", instance: "")
    var other = LockContender(place: 0, identity: "x")
    other.token = FencingToken(major: 8)
    #expect(lock.judge(.success(LockReport(name: name, backend: backend))) == nil)
    #expect(lock.judge(.success(LockReport(name: name, backend: backend, contenders: [other]))) == nil)
    #expect(lock.judge(.failure(LockError(.notAuthorized, name: name, message: "no"))) == nil)
    other.token = token
    #expect(lock.judge(.success(LockReport(name: name, backend: backend, contenders: [other]))) != nil)
  }
}

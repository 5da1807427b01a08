import LatchkeyProcesses
import LatchkeyTesting
import Testing

@testable import LatchkeyCLI

@Suite("latchkey contend on Redis", .timeLimit(.minutes(3)))
struct ContendRedisServerTests {
  @Test("loses no update between processes, and tokens grow from grant to grant")
  func processes() async throws {
    let outcome = try await Latchkey.call(
      "contend",
      "--serve",
      "redis",
      "--processes",
      "3",
      "--workers",
      "3",
      "--count",
      "40",
      "--json"
    )
    #expect(outcome.status == 0, "\(outcome.errorText)")
    let report = try outcome.report()
    #expect(report.finalCount == 360 && report.expectedCount == 360)
    #expect(report.backend == "redis")
    #expect(report.tokensIncreasing == true)
    #expect(report.lostLeases == 0 && report.errors == 0)
  }

  @Test("loses no update on Redlock, in one process and in several, and has no tokens", arguments: [1, 3])
  func redlock(processes: Int) async throws {
    let outcome = try await Latchkey.call(
      "contend",
      "--serve",
      "redis:5",
      "--processes",
      "\(processes)",
      "--workers",
      "3",
      "--count",
      "10",
      "--json"
    )
    #expect(outcome.status == 0, "\(outcome.errorText)")
    let report = try outcome.report()
    #expect(report.finalCount == 30 * processes && report.expectedCount == 30 * processes)
    #expect(report.backend == "redlock")
    #expect(report.tokensIncreasing == nil)
    #expect(report.lostLeases == 0 && report.errors == 0)
  }

  @Test("removes the servers that it started")
  func serve() async throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let command = try Latchkey(
      ["contend", "--serve", "redis:3", "--workers", "2", "--count", "5", "--json"],
      settings: ["TMPDIR": folder.path]
    )
    let outcome = await command.outcome()
    #expect(outcome.status == 0, "\(outcome.errorText)")
    #expect(try outcome.report().finalCount == 10)
    #expect(entries(of: folder.path) == [])
  }

  @Test(
    "says that nobody is there, with status 69",
    arguments: ["redis://127.0.0.1:1", "redlock://127.0.0.1:1,127.0.0.1:2"]
  )
  func unreachable(servers: String) async throws {
    for processes in ["1", "2"] {
      let outcome = try await Latchkey.call(
        "contend",
        "\(servers)/x?timeout=300ms",
        "--processes",
        processes,
        "--quiet"
      )
      #expect(outcome.status == 69)
      #expect(outcome.errors.count == 1)
      #expect(outcome.errorText.contains("check the addresses"), "\(outcome.errorText)")
    }
  }

  @Test("logs in with the password from wherever it comes, and shows it nowhere")
  func password() async throws {
    let secret = "not-to-be-seen"
    try await withRedis(RedisConfiguration { $0.password = secret }) { server in
      let arguments = [
        "contend", "redis://\(server.connectString)/x", "--workers", "2", "--count", "5", "--processes", "2",
      ]
      let folder = try TemporaryFolder()
      defer { folder.remove() }
      let inURL = try await Latchkey.call(
        "contend",
        "redis://:\(secret)@\(server.connectString)/x",
        "--workers",
        "2",
        "--count",
        "5"
      )
      let inEnvironment = await (try Latchkey(arguments, settings: ["LATCHKEY_PASSWORD": secret])).outcome()
      let wrong = await (try Latchkey(arguments, settings: ["LATCHKEY_PASSWORD": secret + "-wrong"])).outcome()
      let none = await (try Latchkey(arguments)).outcome()
      #expect(inURL.status == 0, "\(inURL.errorText)")
      #expect(inEnvironment.status == 0, "\(inEnvironment.errorText)")
      #expect(wrong.status != 0 && none.status != 0)
      let empty = await (try Latchkey(arguments, settings: ["LATCHKEY_PASSWORD": ""])).outcome()
      #expect(empty.errors == none.errors && empty.errors != wrong.errors, "\(empty.errorText)")
      for outcome in [inURL, inEnvironment, wrong, none] {
        #expect(!(outcome.output + outcome.errors).contains { $0.contains(secret) })
      }
    }
  }

  @Test("refuses two servers, of which none may fail")
  func two() async throws {
    let outcome = try await Latchkey.call("contend", "--serve", "redis:2")
    #expect(outcome.status == 64)
  }

  @Test(
    "run holds the lock for the command, and hands it the token where there is one",
    arguments: ["redis", "redlock"]
  )
  func run(scheme: String) async throws {
    try await withRedisServers(count: scheme == "redis" ? 1 : 3) { servers in
      let url = "\(scheme)://\(servers.map(\.connectString).joined(separator: ","))/job?ttl=2s"
      // Another process than the one that started the servers waits until they are believed: two seconds and one more.
      let outcome = try await Latchkey.call(
        "run",
        "--wait",
        "20s",
        url,
        "--",
        "sh",
        "-c",
        "echo \"$LATCHKEY_NAME ${LATCHKEY_TOKEN:-none}\""
      )
      #expect(outcome.status == 0, "\(outcome.errorText)")
      let words = outcome.output.first?.split(separator: " ") ?? []
      #expect(words.first == "job")
      #expect(scheme == "redis" ? words.last.flatMap { UInt64($0) } != nil : words.last == "none")
      for server in servers { #expect(try await server.command("EXISTS", "job") == ["0"]) }
    }
  }
}

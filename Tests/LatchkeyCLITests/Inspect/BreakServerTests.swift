import Latchkey
import LatchkeyProcesses
import LatchkeyTesting
import Testing

@testable import LatchkeyCLI

#if Redis
@testable import LatchkeyRedis
#endif

@Suite("latchkey break, of what is no lock", .timeLimit(.minutes(2)))
struct BreakServerTests {
  @Test("data at Redis is removed with --force alone, and inspect says what it looks like")
  func redis() async throws {
    let server = try await SharedRedis.server
    try await server.command("SET", "break/data", "precious")
    let url = try await SharedRedis.url("break/data")
    let look = try await Latchkey.call("inspect", url)
    #expect(look.output.joined().contains("perhaps it is data"), "\(look.output)")
    let refused = try await Latchkey.call("break", "--yes", url)
    #expect(refused.status == 1 && refused.errorText.contains("--force"), "\(refused.errorText)")
    #expect(refused.output.joined().contains("perhaps it is data"))
    #expect(try await server.command("GET", "break/data") == ["precious"])
    let json = try await Latchkey.call("break", "--yes", "--json", url)
    #expect(json.status == 1 && json.output.first?.contains(#""outcome":"doubtful""#) == true)
    #expect(try await Latchkey.call("break", "--yes", "--force", url).status == 0)
    #expect(try await server.command("GET", "break/data") == [nil])
  }

  @Test("the counter of a lock's tokens is not removed at all", arguments: ["{orders}:latchkey", "a{b}c:latchkey"])
  func counter(name: String) async throws {
    let server = try await SharedRedis.server
    try await server.command("SET", name, "7", "PX", "600000")
    let outcome = try await Latchkey.call("break", "--yes", try await SharedRedis.url(name))
    #expect(outcome.status == 64 && outcome.output.isEmpty, "\(outcome.errorText)")
    #expect(try await server.command("GET", name) == ["7"])
  }

  @Test("a key at etcd that no lease removes is removed with --force alone")
  func etcd() async throws {
    try await withEtcd { server in
      let endpoint = server.endpoint
      let put = try await run(
        ["etcdctl", "--endpoints", endpoint, "put", "path/1", "precious"],
        settings: ["ETCDCTL_API": "3"]
      )
      try #require(put.status == .exited(0), "\(put.lines)")
      let url = "etcd://\(endpoint)/path"
      let refused = try await Latchkey.call("break", "--yes", url)
      #expect(
        refused.status == 1 && refused.output.joined().contains("no lease"),
        "\(refused.output) \(refused.errorText)"
      )
      #expect(try await Latchkey.call("break", "--yes", "--force", url).status == 0)
    }
  }

  #if Redis
  @Test(
    "what any lock leaves at Redis is not doubted",
    arguments: [
      ("precious", nil, true), ("precious", Duration.seconds(1), false),
      ("0123456789abcdef0123456789abcdef", nil, false),
      ("0123456789abcdef0123456789abcdef:host:1:me", nil, false),
    ] as [(String, Duration?, Bool)]
  )
  func known(value: String, remaining: Duration?, isDoubted: Bool) {
    let key = LockKeyView.Key(value: Array(value.utf8), remaining: remaining)
    #expect((key.contender.caveat != nil) == isDoubted)
  }
  #endif
}

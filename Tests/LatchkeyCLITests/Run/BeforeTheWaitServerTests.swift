import LatchkeyProcesses
import LatchkeyTesting
import Testing

@testable import LatchkeyCLI

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Each of them asks for a lock that another client holds for as long as the test runs.
@Suite("What is known before the wait for a lock", .timeLimit(.minutes(2)))
struct BeforeTheWaitServerTests {
  private func heldURL(_ name: String) async throws -> String {
    try await SharedRedis.server.command("SET", name, "another", "PX", "600000")
    return try await SharedRedis.url(name)
  }

  @Test(
    "that there is no such command, or that it cannot be executed",
    arguments: [("/nonexistent", Int32(127)), ("no-such-command-anywhere", 127), ("/etc/passwd", 126), ("/", 126)]
  )
  func command(name: String, status: Int32) async throws {
    let url = try await self.heldURL("before/\(name.utf8.count)")
    let outcome = try await Latchkey.call("run", "--wait", "3s", url, "--", name)
    #expect(outcome.status == status)
    #expect(outcome.errors.count == 1 && outcome.errorText.contains("cannot run \"\(name)\""), "\(outcome.errorText)")
  }

  @Test("that a command with a space in its name was perhaps meant to have arguments")
  func quoted() async throws {
    let url = try await self.heldURL("before/quoted")
    let outcome = try await Latchkey.call("run", "--wait", "3s", url, "--", "echo hi")
    #expect(outcome.status == 127)
    #expect(outcome.errorText.contains("sh -c 'echo hi'"), "\(outcome.errorText)")
  }

  @Test("that no temporary folder can be made")
  func folder() async throws {
    let url = try await self.heldURL("before/folder")
    let outcome = try await Latchkey.call(
      "run",
      "--wait",
      "3s",
      url,
      "--",
      "true",
      settings: ["TMPDIR": "/nonexistent"]
    )
    #expect(outcome.status == 125)
    #expect(outcome.errors.count == 1 && outcome.errorText.contains("TMPDIR"), "\(outcome.errorText)")
  }

  @Test("that there are too few descriptors for a connection")
  func descriptors() async throws {
    let url = try await self.heldURL("before/descriptors")
    let script = "ulimit -n 10; exec \"$0\" run --wait 3s \"$1\" -- true"
    let (lines, end) = try await LatchkeyCLITests.run(["sh", "-c", script, Latchkey.path, url])
    #expect(end == .exited(125))
    #expect(lines.count == 1 && lines.first?.contains("ulimit -n") == true, "\(lines)")
  }

  @Test("that the command that asks runs under this very lock")
  func nested() async throws {
    let url = try await SharedRedis.url("before/nested")
    let script = "exec \"$0\" run --wait 300ms \"$1\" -- true"
    let outcome = try await Latchkey.call("run", url, "--", "sh", "-c", script, Latchkey.path, url)
    #expect(outcome.status == 124)
    #expect(outcome.errorText.contains("already runs under the lock \"before/nested\""), "\(outcome.errorText)")
    let other = try await SharedRedis.url("before/other")
    let good = try await Latchkey.call("run", url, "--", "sh", "-c", script, Latchkey.path, other)
    #expect(good.status == 0 && good.errors == [])
  }
}

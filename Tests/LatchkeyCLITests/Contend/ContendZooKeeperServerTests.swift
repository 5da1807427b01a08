import LatchkeyProcesses
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@testable import LatchkeyCLI

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

@Suite("latchkey contend on ZooKeeper", .timeLimit(.minutes(3)))
struct ContendZooKeeperServerTests {
  @Test("loses no update between processes, and tokens grow from grant to grant")
  func processes() async throws {
    let url = try await SharedZooKeeper.url("contend/processes")
    let arguments = ["contend", url, "--processes", "3", "--workers", "3", "--count", "10", "--json"]
    let outcome = await (try Latchkey(arguments + SharedZooKeeper.timing)).outcome()
    #expect(outcome.status == 0, "\(outcome.errorText)")
    let report = try outcome.report()
    #expect(report.finalCount == 90 && report.expectedCount == 90)
    #expect(report.backend == "zookeeper")
    #expect(report.tokensIncreasing == true)
    #expect(report.fairness.max <= 10)
  }

  @Test("starts servers of its own when asked to, and removes them", arguments: ["zookeeper", "zookeeper:3"])
  func serve(servers: String) async throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let command = try Latchkey(
      ["contend", "--serve", servers, "--workers", "2", "--count", "5", "--json"],
      settings: ["TMPDIR": folder.path]
    )
    let outcome = await command.outcome()
    #expect(outcome.status == 0, "\(outcome.errorText)")
    #expect(try outcome.report().finalCount == 10)
    #expect(entries(of: folder.path) == [])
  }

  @Test("removes its servers when it is interrupted, at whatever moment", arguments: [false, true])
  func interrupted(whenRunning: Bool) async throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let command = try Latchkey(
      ["contend", "--serve", "zookeeper", "--hold", "1ms", "--count", "100000"],
      settings: ["TMPDIR": folder.path]
    )
    // A server comes with its watchdog; the board is mapped when the contention begins.
    #expect(
      try await eventually(within: .seconds(30)) {
        whenRunning
          ? hasMappedBoard(command.process.pid)
          : children(of: command.process.pid).count == 2
      }
    )
    let processes = children(of: command.process.pid)
    command.process.signal(SIGINT)
    #expect(await command.outcome().status == 130)
    #expect(try await eventually { processes.allSatisfy { !isAlive($0) } })
    #expect(try await eventually { entries(of: folder.path) == [] })
  }

  @Test("says that nobody is there, with status 69", arguments: [1, 2])
  func unreachable(processes: Int) async throws {
    let url = "zookeeper://127.0.0.1:1/x?timeout=300ms"
    let outcome = try await Latchkey.call("contend", url, "--processes", "\(processes)", "--quiet")
    #expect(outcome.status == 69)
    #expect(outcome.errors.count == 1)
    #expect(outcome.errorText.contains("check the addresses"), "\(outcome.errorText)")
  }

  @Test("counts the errors of a server that has died, and ends when the workers may wait no longer")
  func serverGone() async throws {
    try await withZooKeeper { server in
      let url = "zookeeper://\(server.connectString)/gone?timeout=1s"
      let arguments = [
        "contend", url, "--workers", "2", "--count", "100000", "--hold", "5ms", "--wait", "500ms", "--json",
      ]
      let command = try Latchkey(arguments + SharedZooKeeper.timing)
      // Somebody holds the lock: the workers are at work.
      #expect(
        try await eventually(within: .seconds(30)) { try await server.fourLetterWord("dump").contains("/gone/") }
      )
      await server.kill()
      let outcome = await command.outcome()
      #expect(outcome.status == 69, "\(outcome.errorText)")
      let report = try outcome.report()
      #expect(report.errors > 0)
      #expect(report.finalCount == report.expectedCount)
    }
  }
}

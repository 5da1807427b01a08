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

@Suite("latchkey bench", .timeLimit(.minutes(3)))
struct BenchServerTests {
  private func reports(_ outcome: Latchkey.Outcome) throws -> [WorkloadReport] {
    guard outcome.output.count == 1 else { throw CommandFailure(.failed, "no single line: \(outcome.output)") }
    return try JSON.decode([WorkloadReport].self, from: outcome.output[0])
  }

  @Test("measures all workloads on the in-process locks, on a machine without any server")
  func inProcess() async throws {
    let outcome = try await Latchkey.call("bench", "--quick", "--json")
    #expect(outcome.status == 0, "\(outcome.errorText)")
    #expect(outcome.errors.isEmpty)
    let reports = try self.reports(outcome)
    #expect(reports.count == 10)
    for report in reports {
      #expect(report.perSecond > 0 && report.seconds > 0, "\(report)")
      #expect(report.errors == 0 && report.lostLeases == 0 && report.finalCount == report.expectedCount)
      #expect(report.workload == "trybusy" || report.tokensIncreasing == true)
      #expect(report.latencyMicroseconds.p50 <= report.latencyMicroseconds.max)
      #expect(report.workers == BenchWorkload(rawValue: report.workload)?.workers)
    }
    for report in reports where report.workload == "crowd" {
      #expect(report.acquisitions == 1000 && report.fairness.min == 1)
    }
    for report in reports where report.workload == "trybusy" {
      #expect(report.acquisitions == 0 && report.failedTries > 0)
    }
  }

  @Test("shows people a table with what they need to judge it")
  func text() async throws {
    let arguments = ["bench", "--workload", "uncontended", "--duration", "10ms", "--repetitions", "2"]
    let outcome = await (try Latchkey(arguments)).outcome()
    #expect(outcome.status == 0)
    let text = outcome.output.joined(separator: "\n")
    #expect(text.contains("medians of 2 repetitions of 10ms"))
    #expect(text.contains("mutex") && text.contains("channel") && text.contains("*"))
    #expect(text.contains("Swift 6") && !text.contains("handoff"))
  }

  @Test("measures servers of its own, of whichever kind, and removes them", arguments: Backends.servers.map(\.name))
  func serve(kind: String) async throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let command = try Latchkey(
      ["bench", "--serve", kind, "--no-local", "--duration", "50ms", "--repetitions", "1", "--json"],
      settings: ["TMPDIR": folder.path]
    )
    let outcome = await command.outcome()
    #expect(outcome.status == 0, "\(outcome.errorText)")
    let reports = try self.reports(outcome)
    #expect(reports.map(\.workload) == BenchWorkload.allCases.map(\.rawValue))
    #expect(reports.allSatisfy { $0.backend == kind && $0.perSecond > 0 && $0.errors == 0 })
    #expect(entries(of: folder.path) == [])
  }

  @Test("prints what it has measured when it is interrupted", arguments: [SIGINT, SIGTERM])
  func interrupted(signal: Int32) async throws {
    let command = try Latchkey(["bench", "--duration", "100ms", "--workload", "uncontended", "--repetitions", "1000"])
    // A line is said now and then where nobody looks at a terminal.
    #expect(
      try await eventually(within: .seconds(30)) {
        command.errorsSoFar.contains { $0.contains("repetition") }
      }
    )
    command.process.signal(signal)
    let outcome = await command.outcome()
    #expect(outcome.status == 128 + signal)
    #expect(outcome.errorText.contains("left") && outcome.errorText.contains("interrupted; measured so far"))
    #expect(outcome.output.contains { $0.hasPrefix("uncontended") && $0.contains("*") })
  }

  @Test("removes its servers when it is interrupted while they run")
  func interruptedServers() async throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let command = try Latchkey(
      ["bench", "--serve", "zookeeper", "--duration", "1m"],
      settings: ["TMPDIR": folder.path]
    )
    // Measuring has begun.
    #expect(
      try await eventually(within: .seconds(60)) { command.errorsSoFar.contains { $0.contains("warm-up") } }
    )
    let processes = children(of: command.process.pid)
    #expect(processes.count == 2)
    command.process.signal(SIGINT)
    let outcome = await command.outcome()
    #expect(outcome.status == 130)
    #expect(outcome.errorText.contains("interrupted"))
    #expect(try await eventually { processes.allSatisfy { !isAlive($0) } })
    #expect(try await eventually { entries(of: folder.path) == [] })
  }

  @Test("measures the others when one cannot be reached, and says so by its status")
  func unreachable() async throws {
    let url = "zookeeper://127.0.0.1:1/x?timeout=300ms"
    let outcome = try await Latchkey.call("bench", url, "--workload", "handoff", "--quick", "--json")
    #expect(outcome.status == 69)
    #expect(outcome.errorText.contains("left out"))
    let reports = try self.reports(outcome)
    #expect(reports.map(\.backend) == ["mutex", "channel", "zookeeper"])
    #expect(reports.map(\.errors) == [0, 0, 1])
    #expect(reports[0].perSecond > 0 && reports[2].perSecond == 0)
  }

  @Test("says once that its only backend cannot be reached, and shows no table of nothing")
  func nothingReachable() async throws {
    let outcome = try await Latchkey.call("bench", "--no-local", "zookeeper://127.0.0.1:1/x?timeout=300ms", "--quick")
    #expect(outcome.status == 69)
    #expect(outcome.output == [])
    #expect(outcome.errors.count { $0.contains("check the addresses") } == 1, "\(outcome.errorText)")
  }

  @Test("goes on with the others when a server dies under it")
  func serverGone() async throws {
    try await withZooKeeper { server in
      let command = try Latchkey(
        [
          "bench", "zookeeper://\(server.connectString)/gone?timeout=1s", "--workload", "uncontended", "--duration",
          "200ms", "--repetitions", "20", "--json",
        ] + SharedZooKeeper.timing
      )
      #expect(
        try await eventually(within: .seconds(30)) { try await server.fourLetterWord("dump").contains("/gone/") }
      )
      await server.kill()
      let outcome = await command.outcome()
      #expect(outcome.status != 0 && outcome.status < 128, "\(outcome.errorText)")
      let reports = try self.reports(outcome)
      #expect(reports.map(\.backend) == ["mutex", "channel", "zookeeper"])
      #expect(reports[2].errors > 0)
      #expect(reports[0].errors == 0 && reports[1].errors == 0)
      // Each did all of its repetitions.
      #expect(reports[0].seconds > 3.5 && reports[1].seconds > 3.5)
    }
  }
}

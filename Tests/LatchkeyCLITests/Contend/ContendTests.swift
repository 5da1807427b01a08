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

@Suite("latchkey contend", .timeLimit(.minutes(2)))
struct ContendTests {
  @Test("loses no update under the lock, on a machine without any server", arguments: ["local:a", "channel:a b", nil])
  func exclusion(url: String?) async throws {
    let outcome = await
      (try Latchkey(["contend", "--json", "--workers", "4", "--count", "200"] + [url].compactMap { $0 }))
      .outcome()
    #expect(outcome.status == 0, "\(outcome.errorText)")
    #expect(outcome.errors.isEmpty)
    let report = try outcome.report()
    #expect(report.finalCount == 800)
    #expect(report.expectedCount == 800)
    #expect(report.acquisitions == 800)
    #expect(report.tokensIncreasing == true)
    #expect(report.backend == (url?.hasPrefix("channel") == true ? "channel" : "mutex"))
    #expect(report.fairness.max <= 200 && report.fairness.jain <= 1)
    #expect(report.latencyMicroseconds.p50 <= report.latencyMicroseconds.max)
    #expect(report.errors == 0 && report.failedTries == 0 && report.lostLeases == 0)
  }

  @Test("shows people a table, and nothing on standard error when all is well")
  func text() async throws {
    let outcome = try await Latchkey.call("contend", "--count", "10")
    #expect(outcome.status == 0)
    #expect(outcome.errors.isEmpty)
    #expect(outcome.output.contains { $0.contains("80 of 80: no update lost") })
  }

  @Test("loses updates without the lock, and says so without calling it a failure", arguments: [1, 2])
  func noLock(processes: Int) async throws {
    let outcome = try await Latchkey.call(
      "contend",
      "--no-lock",
      "--json",
      "--processes",
      "\(processes)",
      "--count",
      "2000"
    )
    #expect(outcome.status == 0, "\(outcome.errorText)")
    let report = try outcome.report()
    #expect(report.backend == "none")
    #expect(report.expectedCount == 16000 * processes)
    #expect(report.finalCount < report.expectedCount)
    #expect(report.tokensIncreasing == nil)
    #expect(report.processes == processes)
  }

  @Test("counts each try that finds the lock held as an attempt that is done")
  func tries() async throws {
    let outcome = try await Latchkey.call("contend", "channel:x", "--try", "--hold", "1ms", "--count", "20", "--json")
    #expect(outcome.status == 0)
    let report = try outcome.report()
    #expect(report.failedTries > 0)
    #expect(report.acquisitions + report.failedTries == 160)
    #expect(report.finalCount == report.acquisitions)
  }

  @Test("counts waits that run out")
  func waits() async throws {
    let outcome = try await Latchkey.call("contend", "--wait", "1ms", "--hold", "20ms", "--count", "2", "--json")
    let report = try outcome.report()
    #expect(outcome.status == 0)
    #expect(report.failedTries > 0)
    #expect(report.acquisitions + report.failedTries == 16)
  }

  @Test("prints JSON in exactly the agreed shape")
  func shape() async throws {
    let outcome = try await Latchkey.call("contend", "--count", "1", "--json", "--no-lock")
    let keys = outcome.output[0].split(separator: "\"").map(String.init).filter { $0.first?.isLetter == true }
    #expect(
      Set(keys) == [
        "acquisitions", "backend", "none", "errors", "expectedCount", "failedTries", "fairness", "jain", "max", "min",
        "finalCount", "holdMicroseconds", "p50", "p90", "p99", "latencyMicroseconds", "lostLeases", "perSecond",
        "processes",
        "seconds", "tokensIncreasing", "workers", "workload", "contend", "interrupted", "outcomes",
      ]
    )
    #expect(outcome.output[0].contains("\"interrupted\":false") && outcome.output[0].contains("\"outcomes\":null"))
    #expect(outcome.output[0].contains("\"tokensIncreasing\":null"))
  }

  @Test("prints what it has measured when it is interrupted, and leaves nothing behind", arguments: [SIGINT, SIGTERM])
  func interrupted(signal: Int32) async throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let command = try Latchkey(
      ["contend", "--hold", "5ms", "--count", "100000", "--json"],
      settings: ["TMPDIR": folder.path]
    )
    #expect(try await eventually { hasMappedBoard(command.process.pid) })
    command.process.signal(signal)
    let outcome = await command.outcome()
    #expect(outcome.status == 128 + signal)
    #expect(outcome.errorText.contains("interrupted"))
    let report = try outcome.report()
    #expect(report.finalCount == report.expectedCount)
    #expect(entries(of: folder.path) == [])
  }

  @Test("stops all its processes when it is interrupted, and adds up what they have measured")
  func interruptedProcesses() async throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let command = try Latchkey(
      ["contend", "--no-lock", "--hold", "1ms", "--count", "100000", "--processes", "2", "--json"],
      settings: ["TMPDIR": folder.path]
    )
    try #require(await eventually { children(of: command.process.pid).count == 2 })
    let processes = children(of: command.process.pid)
    #expect(try await eventually { processes.allSatisfy(hasMappedBoard) && entries(of: folder.path).isEmpty })
    command.process.signal(SIGTERM)
    let outcome = await command.outcome()
    #expect(outcome.status == 143)
    let report = try outcome.report()
    #expect(report.acquisitions == report.expectedCount)
    #expect(processes.allSatisfy { !isAlive($0) })
    #expect(entries(of: folder.path) == [])
  }

  @Test("counts a process that dies as an error, and does not hang")
  func childDies() async throws {
    let command = try Latchkey([
      "contend", "--no-lock", "--hold", "1ms", "--count", "3000", "--processes", "2", "--json",
    ])
    try #require(await eventually { children(of: command.process.pid).count == 2 })
    kill(children(of: command.process.pid)[0], SIGKILL)
    let outcome = await command.outcome()
    #expect(outcome.status == 1)
    #expect(outcome.errorText.contains("died"))
    #expect(try outcome.report().errors == 1)
  }

  @Test("ends its processes when it is killed outright")
  func parentDies() async throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let command = try Latchkey(
      ["contend", "--no-lock", "--hold", "1ms", "--count", "100000", "--processes", "2"],
      settings: ["TMPDIR": folder.path]
    )
    try #require(await eventually { children(of: command.process.pid).count == 2 })
    let processes = children(of: command.process.pid)
    #expect(try await eventually { processes.allSatisfy(hasMappedBoard) && entries(of: folder.path).isEmpty })
    command.process.signal(SIGKILL)
    #expect(await command.outcome().status == 137)
    #expect(try await eventually { processes.allSatisfy { !isAlive($0) } })
  }

  @Test("ends quietly, of SIGPIPE, when nobody reads its output")
  func brokenPipe() async throws {
    let output = try Pipe()
    close(output.reading)
    let process = try ChildProcess.spawn(
      [Latchkey.path, "contend", "--count", "1"],
      output: output.writing
    )
    close(output.writing)
    #expect(await process.wait() == .killed(by: SIGPIPE))
  }
}

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

@Suite("latchkey contend, interrupted", .timeLimit(.minutes(2)))
struct ContendInterruptionTests {
  @Test("prints what was measured so far, in JSON with a word that it was interrupted", arguments: [1, 2])
  func measured(processes: Int) async throws {
    let command = try Latchkey(
      [
        "contend", "--no-lock", "--hold", "1ms", "--count", "100000", "--json", "--workers", "2", "--processes",
        "\(processes)",
      ]
    )
    let workers: @Sendable () -> [Int32] = {
      processes == 1 ? [command.process.pid] : children(of: command.process.pid)
    }
    #expect(try await eventually { workers().count == processes && workers().allSatisfy(hasMappedBoard) })
    command.process.signal(SIGINT)
    let outcome = await command.outcome()
    #expect(outcome.status == 130)
    #expect(outcome.output.first?.contains("\"interrupted\":true") == true)
    #expect(try outcome.report().acquisitions < 200_000 * processes)
  }

  @Test("leaves at once at the second signal, though a process of its own does not answer")
  func twice() async throws {
    let command = try Latchkey(["contend", "--no-lock", "--hold", "1ms", "--count", "100000", "--processes", "2"])
    #expect(
      try await eventually {
        children(of: command.process.pid).count == 2 && children(of: command.process.pid).allSatisfy(hasMappedBoard)
      }
    )
    let workers = children(of: command.process.pid)
    kill(workers[0], SIGSTOP)
    command.process.signal(SIGINT)
    // The process that answers has been told to stop: the first signal was taken.
    #expect(try await eventually { !isAlive(workers[1]) })
    #expect(isAlive(command.process.pid))
    command.process.signal(SIGINT)
    let outcome = await command.outcome()
    #expect(outcome.status == 130)
    #expect(outcome.output.isEmpty)
    kill(workers[0], SIGCONT)
    #expect(try await eventually { !isAlive(workers[0]) })
  }
}

import LatchkeyTesting
import Testing

@testable import LatchkeyCLI

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

@Suite("The memory of a contention", .timeLimit(.minutes(2)))
struct ContendMemoryTests {
  @Test("counters of times are made with the first time, so that a worker without any costs nothing")
  func lazy() {
    var histogram = LatencyHistogram()
    histogram.add(LatencyHistogram())
    #expect(!histogram.hasCounters && histogram.count == 0 && histogram.percentile(50) == 0 && histogram.values.isEmpty)
    let samples = Samples()
    #expect(!samples.tally.latency.hasCounters && !samples.tally.hold.hasCounters)
    histogram.record(5)
    #expect(histogram.hasCounters && histogram.count == 1 && histogram.percentile(50) == 5)
  }

  #if os(Linux)
  @Test("ten thousand workers take some hundred megabytes at most")
  func manyWorkers() async throws {
    let arguments = ["contend", "local:x", "--workers", "10000", "--count", "1", "--hold", "1h", "--quiet"]
    let command = try Latchkey(arguments)
    // All of them wait behind the first when the board shows that it holds.
    #expect(try await eventually(within: .seconds(60)) { hasMappedBoard(command.process.pid) })
    try await Task.sleep(for: .seconds(1))
    let status = try #require(contents(of: "/proc/\(command.process.pid)/status"))
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
    let kilobytes = try #require(Int(line.filter(\.isNumber)))
    #expect(kilobytes < 200_000)
    command.process.signal(SIGKILL)
    _ = await command.outcome()
  }
  #endif
}

import LatchkeyProcesses
import LatchkeyTesting
import Testing

@testable import LatchkeyCLI

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

@Suite("The memory of a contention", .timeLimit(.minutes(2)))
struct ContendMemoryServerTests {
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
  /// The most memory that a process has used so far, in kilobytes; nil when it has ended.
  private func peak(of pid: Int32) -> Int? {
    let lines = (contents(of: "/proc/\(pid)/status") ?? "").split(separator: "\n")
    return lines.first { $0.hasPrefix("VmHWM:") }.flatMap { Int($0.filter(\.isNumber)) }
  }

  @Test("ten thousand workers that wait for one lock at ZooKeeper take less than 150 megabytes")
  func manyWorkers() async throws {
    let url = try await SharedZooKeeper.url("memory")
    let arguments = ["contend", url, "--workers", "10000", "--count", "1", "--quiet"] + SharedZooKeeper.timing
    let command = try Latchkey(arguments)
    async let end = command.outcome()
    // All of them wait from the start, so it is at its peak long before it can be asked no more.
    var most = 0
    let ended = try await eventually(within: .seconds(100), every: .milliseconds(20)) {
      guard let peak = self.peak(of: command.process.pid) else { return true }
      most = max(most, peak)
      return false
    }
    if !ended { command.process.signal(SIGKILL) }
    let outcome = await end
    #expect(outcome.status == 0, "\(outcome.errorText)")
    #expect(most > 10_000 && most < 150_000)
  }
  #endif
}

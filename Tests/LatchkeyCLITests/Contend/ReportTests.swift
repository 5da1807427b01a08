import Latchkey
import LatchkeyProcesses
import Testing

@testable import LatchkeyCLI

@Suite("Measurements of a contention")
struct ReportTests {
  @Test("histograms of several processes add up as if one had recorded everything")
  func histograms() throws {
    var (all, first, second) = (LatencyHistogram(), LatencyHistogram(), LatencyHistogram())
    for value in 0..<UInt64(50_000) {
      let nanoseconds = value * value
      all.record(nanoseconds)
      if value % 3 == 0 { first.record(nanoseconds) } else { second.record(nanoseconds) }
    }
    var sum = try JSON.decode(LatencyHistogram.self, from: JSON.encode(first))
    sum.add(try JSON.decode(LatencyHistogram.self, from: JSON.encode(second)))
    #expect(sum.count == 50_000)
    #expect(sum.maximum == 49_999 * 49_999)
    for percentile in [1.0, 50, 90, 99, 99.9, 100] { #expect(sum.percentile(percentile) == all.percentile(percentile)) }
  }

  @Test("percentiles are kept to three digits, and an empty histogram has zeros")
  func percentiles() {
    var histogram = LatencyHistogram()
    #expect(histogram.percentile(50) == 0 && histogram.maximum == 0)
    for value in 1...UInt64(100_000) { histogram.record(value) }
    #expect(abs(Double(histogram.percentile(50)) - 50_000) <= 50)
    #expect(abs(Double(histogram.percentile(99)) - 99_000) <= 99)
    #expect(histogram.percentile(100) == 100_000)
  }

  @Test("tallies keep the first error and the longest stretch of time")
  func tallies() throws {
    var tally = Tally()
    var other = Tally()
    (tally.start, tally.end, tally.acquisitions) = (10, 20, 1)
    (other.start, other.end, other.acquisitions) = (5, 15, 2)
    other.note(error: "first", code: 69)
    other.note(error: "second", code: 1)
    tally.add(try JSON.decode(Tally.self, from: JSON.encode(other)))
    #expect(tally.start == 5 && tally.end == 20 && tally.acquisitions == 3 && tally.errors == 2)
    #expect(tally.firstError == "first" && tally.firstErrorCode == 69)
  }

  @Test("Jain's index is 1 when all got the same, and 1/n when one got everything")
  func fairness() {
    #expect(WorkloadReport.Fairness([5, 5, 5, 5]).jain == 1)
    #expect(WorkloadReport.Fairness([8, 0, 0, 0]).jain == 0.25)
    #expect(WorkloadReport.Fairness([1, 3]).min == 1)
    #expect(WorkloadReport.Fairness([0, 0]).jain == 1)
  }

  @Test("a board sees tokens that do not grow, and freezes the grants when the first worker has finished")
  func board() throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let board = try Board(path: folder.file("board"), workers: 2)
    let other = try Board(path: folder.file("board"), workers: 2)
    board.note(FencingToken(major: 1))
    other.note(FencingToken(major: 1, minor: 1))
    other.note(FencingToken(major: 2))
    #expect(board.tokensOutOfOrder == 0)
    board.note(FencingToken(major: 2))
    board.note(FencingToken(major: 1, minor: 9))
    #expect(other.tokensOutOfOrder == 2)

    board.note(worker: 0, granted: true)
    board.note(worker: 1, granted: false)
    #expect(board.grants == [1, 0])
    other.finish()
    board.note(worker: 1, granted: true)
    board.finish()
    #expect(board.grants == [1, 0])
    #expect(board.attempts == 3)
    other.counter = 7
    #expect(board.counter == 7)
  }

  @Test(
    "errors of the library lead to the agreed exit codes",
    arguments: [
      (LockError.Code.timedOut, Int32(75)), (.unreachable, 69), (.notAuthorized, 69), (.backendFailure, 69),
      (.invalidURL, 64),
      (.invalidName, 64), (.invalidConfiguration, 64), (.lockLost, 1),
    ]
  )
  func exitCodes(code: LockError.Code, status: Int32) {
    #expect(CommandFailure(LockError(code, message: "m")).code == status)
  }

  @Test("a gate opens for all at once, and tells whether all were well", arguments: [true, false])
  func gate(lastIsWell: Bool) async {
    let gate = Gate(3)
    async let first = gate.arrive()
    async let second = gate.arrive()
    let third = await gate.arrive(well: lastIsWell)
    #expect(await [first, second, third] == [lastIsWell, lastIsWell, lastIsWell])
  }
}

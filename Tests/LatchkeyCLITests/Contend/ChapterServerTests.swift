import LatchkeyTesting
import Testing

@testable import LatchkeyCLI

/// The programs of the book chapter that this project comes from, as `latchkey contend --help` shows them.
@Suite("The three programs of the chapter", .timeLimit(.minutes(3)))
struct ChapterServerTests {
  @Test("a counter without a lock loses updates, and under the mutex it ends exact")
  func counter() async throws {
    let without = try await Latchkey.call("contend", "--no-lock", "--count", "2000")
    #expect(without.status == 0)
    #expect(without.output.contains { $0.contains("of 16000:") && $0.contains("UPDATES LOST") }, "\(without.output)")
    let under = try await Latchkey.call("contend", "--count", "2000")
    #expect(under.status == 0)
    #expect(under.output.contains { $0.contains("16000 of 16000: no update lost") }, "\(under.output)")
  }

  @Test("of ten workers on a channel try-lock, those that find it busy say so, and who had it")
  func tryLock() async throws {
    let outcome = try await Latchkey.call(
      "contend",
      "channel:counter",
      "--workers",
      "10",
      "--count",
      "1",
      "--try",
      "--hold",
      "300ms"
    )
    try Self.expectOneOfTen(outcome)
  }

  @Test(
    "of ten workers in five processes, one sets the key of Redis, and one has the lock of ZooKeeper and of etcd",
    arguments: ["redis", "zookeeper", "etcd"]
  )
  func servers(kind: String) async throws {
    let outcome = try await Latchkey.call(
      "contend",
      "--serve",
      kind,
      "--processes",
      "5",
      "--workers",
      "2",
      "--count",
      "1",
      "--try",
      "--hold",
      "1s"
    )
    try Self.expectOneOfTen(outcome)
    #expect(outcome.output.contains { $0.contains("(process 5)") })
  }

  @Test("of ten workers on Redlock one has the lock, and JSON tells the same")
  func redlock() async throws {
    let outcome = try await Latchkey.call(
      "contend",
      "--serve",
      "redis:5",
      "--workers",
      "10",
      "--count",
      "1",
      "--wait",
      "0",
      "--hold",
      "500ms",
      "--json"
    )
    #expect(outcome.status == 0, "\(outcome.errorText)")
    let report = try outcome.report()
    #expect(report.acquisitions == 1 && report.failedTries == 9 && report.finalCount == 1)
    let line = outcome.output[0]
    #expect(line.ranges(of: "\"outcome\":\"busy\"").count == 9)
    #expect(line.ranges(of: "\"outcome\":\"acquired\"").count == 1)
  }

  private static func expectOneOfTen(
    _ outcome: Latchkey.Outcome,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    #expect(outcome.status == 0, "\(outcome.errorText)", sourceLocation: sourceLocation)
    let lines = outcome.output.filter { $0.contains("worker ") }
    let winner = try #require(
      lines.first { $0.contains(": acquired") },
      "\(outcome.output)",
      sourceLocation: sourceLocation
    )
    let name = winner.split(separator: "worker ").last?.prefix { $0 != ":" && $0 != "(" }.filter(\.isNumber) ?? ""
    let busy = lines.filter { $0.hasSuffix(": busy, held by worker \(name)") }
    #expect(busy.count == 9, "\(outcome.output)", sourceLocation: sourceLocation)
    #expect(
      outcome.output.contains("1 of 10 acquired the lock, 9 found it busy"),
      "\(outcome.output)",
      sourceLocation: sourceLocation
    )
    #expect(outcome.output.contains { $0.contains("1 of 1: no update lost") }, sourceLocation: sourceLocation)
  }
}

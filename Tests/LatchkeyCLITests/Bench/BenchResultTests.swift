import Latchkey
import Testing

@testable import LatchkeyCLI

@Suite("Results of a bench")
struct BenchResultTests {
  private func result(_ workload: BenchWorkload, _ runs: [BenchRun]) throws -> BenchResult {
    BenchResult(target: try SampleBench.target("local:a"), workload: workload, runs: runs)
  }

  @Test("rates and times are medians of the repetitions, counts are sums, the greatest time is the greatest of all")
  func medians() throws {
    let runs = [(100, 10.0), (300, 30.0), (200, 20.0)].map {
      SampleBench.run(.handoff, operations: $0.0, microseconds: $0.1)
    }
    let report = try self.result(.handoff, runs).report
    #expect(report.workload.perSecond == 200)
    #expect(report.perSecondMinimum == 100 && report.perSecondMaximum == 300)
    #expect(report.workload.acquisitions == 600 && report.workload.finalCount == 600 && report.repetitions == 3)
    #expect(report.workload.seconds == 3)
    #expect(report.workload.latencyMicroseconds.max == runs.map { Double($0.tally.latency.maximum) / 1000 }.max())
    #expect(report.workload.latencyMicroseconds.p50 == runs[2].report(backend: "").latencyMicroseconds.p50)
    #expect(report.workload.tokensIncreasing == true)
  }

  @Test("of tries on a held lock, the answers are counted")
  func tries() throws {
    let report = try self.result(.trybusy, [SampleBench.run(.trybusy, operations: 50)]).report.workload
    #expect(report.perSecond == 50 && report.acquisitions == 0 && report.failedTries == 50)
    #expect(report.tokensIncreasing == nil)
  }

  @Test("a run that was cut short counts only if there is no whole one")
  func cut() throws {
    let cut = SampleBench.run(.handoff, operations: 10, wasCut: true)
    let whole = SampleBench.run(.handoff, operations: 1000)
    #expect(try self.result(.handoff, [whole, cut]).report.workload.perSecond == 1000)
    #expect(try self.result(.handoff, [cut]).report.workload.perSecond == 10)
    let empty = SampleBench.run(.handoff, operations: 0, wasCut: true)
    #expect(try !self.result(.handoff, [empty]).isMeasured)
  }

  @Test("one repetition with lost updates or unordered tokens spoils the result, and decides the exit status")
  func violation() throws {
    let good = SampleBench.run(.handoff, operations: 100)
    let lost = BenchRun(
      workload: .handoff,
      tally: good.tally,
      finalCount: 99,
      tokensOutOfOrder: 0,
      grants: good.grants,
      timeline: [],
      drain: [],
      wasCut: false
    )
    var outcome = BenchOutcome(settings: BenchSettings(), machine: .current())
    outcome.results = [try self.result(.handoff, [good, lost, good])]
    #expect(outcome.violation?.contains("handoff on mutex") == true)
    #expect(outcome.failure?.code == 1)
    outcome.results = [try self.result(.handoff, [good])]
    #expect(outcome.failure == nil)
    outcome.results = [try self.result(.handoff, [SampleBench.run(.handoff, operations: 5, errors: 2)])]
    #expect(outcome.failure?.code == 69)
    #expect(outcome.reports.map(\.workload.errors) == [2])
  }

  @Test("a backend that was never reached has an object with one error for each workload")
  func unreachable() throws {
    var outcome = BenchOutcome(settings: BenchSettings(), machine: .current())
    outcome.failures = [.init(target: "redis", kind: "redis", message: "nobody there", code: 69)]
    #expect(outcome.reports.map(\.workload.workload) == BenchWorkload.allCases.map(\.rawValue))
    #expect(outcome.reports.allSatisfy { $0.workload.errors == 1 && $0.error == "nobody there" })
    #expect(outcome.failure?.code == 69)
  }

  @Test("JSON has the fields of every workload, and those of a bench beside them")
  func json() throws {
    let text = try JSON.encode(try SampleBench.outcome(["local:a", "redis://h/a"]).reports)
    let reports = try JSON.decode([WorkloadReport].self, from: text)
    #expect(reports.count == 10)
    #expect(Set(reports.map(\.backend)) == ["mutex", "redis"])
    for field in ["target", "repetitions", "perSecondMinimum", "perSecondMaximum", "error"] {
      #expect(text.contains("\"\(field)\":"))
    }
  }

  @Test("the table has a column for each backend, and marks the best of each row")
  func table() throws {
    let outcome = try SampleBench.outcome(["local:a", "zookeeper://h,i,j/a", "zookeeper://h/a"])
    let lines = BenchTable(outcome).text.split(separator: "\n").map(String.init)
    #expect(lines[0].split(separator: " ") == ["mutex", "zookeeper:3", "zookeeper"])
    #expect(
      Set(lines.map { $0.prefix { $0 != " " } }.filter { !$0.isEmpty })
        == Set(BenchWorkload.allCases.map { Substring($0.rawValue) })
    )
    // The only in-process lock has nobody to compete with; of the two others, the first was made faster.
    let latency = try #require(lines.first { $0.contains("p50") })
    #expect(latency.filter { $0 == "*" }.count == 1)
    #expect(
      latency.split(separator: "  ").filter { $0.contains("µs") || $0.contains("ms") }.first?.contains("*") == false
    )
    // Both have the same throughput: both are the best.
    #expect(lines[1].filter { $0 == "*" }.count == 2)
    #expect(lines.contains { $0.contains("fairness") })
    #expect(lines.allSatisfy { $0.last != " " })
  }

  @Test("what was not measured is a dash, and one value alone is not the best")
  func gaps() {
    let row = BenchTable.Row(workload: .crowd, name: "p50", values: [nil, 3], groups: [[0, 1]], best: .least) {
      "\($0)"
    }
    #expect(row.bestPlaces.isEmpty)
    let full = BenchTable.Row(workload: .crowd, name: "p50", values: [4, nil, 3], groups: [[0, 1, 2]], best: .least) {
      "\($0)"
    }
    #expect(full.bestPlaces == [2])
    let apart = BenchTable.Row(
      workload: .crowd,
      name: "per second",
      values: [9, 8, 2, 3],
      groups: [[0, 1], [2, 3]],
      best: .greatest
    ) { "\($0)" }
    #expect(apart.bestPlaces == [0, 3])
  }
}

import Latchkey

@testable import LatchkeyCLI

/// Results as a bench might have measured them, for tests of what is made of them.
enum SampleBench {
  static func target(_ url: String) throws -> BenchTarget { BenchTarget(url: try LockURL(url), tick: nil) }

  /// One run: so many operations in a second, each as long as its place says.
  static func run(
    _ workload: BenchWorkload,
    operations: Int,
    microseconds: Double = 100,
    wasCut: Bool = false,
    errors: Int = 0
  ) -> BenchRun {
    var tally = Tally()
    (tally.start, tally.end) = (1_000_000_000, 2_000_000_000)
    if workload == .trybusy {
      tally.failedTries = operations
    } else {
      (tally.acquisitions, tally.additions) = (operations, operations)
      tally.grantsHadTokens = true
    }
    for place in 0..<operations {
      let nanoseconds = UInt64(microseconds * 1000 * (1 + Double(place) / 100))
      tally.latency.record(nanoseconds)
      tally.hold.record(500)
    }
    for _ in 0..<errors { tally.note(error: "it broke", code: 69) }
    let step = UInt64(microseconds * 1000)
    return BenchRun(
      workload: workload,
      tally: tally,
      finalCount: tally.additions,
      tokensOutOfOrder: 0,
      grants: [Int](repeating: operations / workload.workers, count: workload.workers),
      timeline: workload == .handoff
        ? (0..<48).map { place in
          let from = UInt64(place) * step
          return Timeline.Hold(worker: place * 5 % 16, from: from, until: from + step / 4)
        } : [],
      drain: workload == .crowd ? (1...1000).map { UInt64($0) * step } : [],
      wasCut: wasCut
    )
  }

  /// A bench of many backends, all colours among them.
  static func outcome(_ urls: [String]) throws -> BenchOutcome {
    var outcome = BenchOutcome(settings: BenchSettings(), machine: .current())
    let targets = try urls.map(self.target)
    outcome.targets = zip(targets, BenchTarget.unique(targets.map(\.name))).map { target, name in
      var target = target
      target.name = name
      return target
    }
    outcome.results = BenchWorkload.allCases.flatMap { workload in
      outcome.targets.enumerated().map { place, target in
        let speed = target.isInProcess ? 0.4 : 120 * Double(place + 1)
        let runs = [900, 1000, 1200].map { self.run(workload, operations: $0, microseconds: speed) }
        return BenchResult(target: target, workload: workload, runs: runs)
      }
    }
    return outcome
  }
}

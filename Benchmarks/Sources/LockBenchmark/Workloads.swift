import Latchkey
import Synchronization

/// The workloads; each lock protects a counter and the newest token, as in `latchkey bench`, so that an overlap shows.
struct Workloads {
  let arguments: Arguments
  let locks: [any LockProvider]
  let workers: Int
  private let names: [LockName]
  private let sections: [Section]

  private let visits = Visits()

  /// How many visits to sections there should have been: fewer are updates that were lost.
  private final class Visits: Sendable {
    let count = Atomic(0)
  }

  init(arguments: Arguments, locks: [any LockProvider], workers: Int) throws {
    self.arguments = arguments
    self.locks = locks
    self.workers = workers
    let count = arguments.workload == "C" ? arguments.number("names", 1000) : 1
    self.names = try (0..<count).map { try LockName("\($0)") }
    self.sections = self.names.map { _ in Section() }
  }

  func run() async throws {
    switch self.arguments.workload {
    case "A": try await self.uncontended()
    case "D": try await self.busy()
    case "E": try await self.crowd()
    case "G": try await HandOver(lock: self.lock(0, 0)).run()
    default: try await self.contended()
    }
  }

  private func lock(_ worker: Int, _ name: Int) -> any DistributedLock {
    self.locks[worker % self.locks.count].lock(self.names[name])
  }

  private func pair(_ lock: any DistributedLock, _ section: Section, _ samples: inout Samples) async throws {
    let start = ContinuousClock.now
    let lease = try await lock.acquire(within: nil)
    let granted = ContinuousClock.now
    self.visit(section, lease.held)
    try await lease.release()
    samples.add(from: start, granted: granted, end: .now)
  }

  private func visit(_ section: Section, _ held: HeldLock) {
    if section.visit(held) { self.visits.count.add(1, ordering: .relaxed) }
  }

  private func report(_ report: Report, _ samples: [Samples], _ start: ContinuousClock.Instant) {
    let seconds = Double(Samples.microseconds(.now - start)) / 1e6
    let visits = self.visits.count.load(ordering: .relaxed)
    let violations = self.sections.reduce(visits) { $0 - $1.count + $1.tokensOutOfOrder }
    report.write(
      self.arguments,
      workers: samples,
      operations: samples.map(\.count),
      violations: violations,
      seconds: seconds
    )
  }

  private func uncontended() async throws {
    let lock = self.lock(0, 0)
    var samples = Samples()
    for _ in 0..<self.arguments.number("warmup", 500) { try await self.pair(lock, self.sections[0], &samples) }
    samples = Samples()
    let report = Report()
    let start = ContinuousClock.now
    for _ in 0..<self.arguments.number("n", 2000) { try await self.pair(lock, self.sections[0], &samples) }
    self.report(report, [samples], start)
  }

  private func contended() async throws {
    // The directories, so that the timed part finds them as it would in a service that has run for a while.
    try await withThrowingTaskGroup(of: Void.self) { group in
      for worker in 0..<self.workers {
        group.addTask {
          var samples = Samples()
          for name in stride(from: worker, to: self.names.count, by: self.workers) {
            try await self.pair(self.lock(0, name), self.sections[name], &samples)
          }
        }
      }
      try await group.waitForAll()
    }
    let report = Report()
    let start = ContinuousClock.now
    let end = start.advanced(by: .seconds(self.arguments.number("secs", 10)))
    let samples = try await withThrowingTaskGroup(of: Samples.self) { group in
      for worker in 0..<self.workers {
        group.addTask {
          var generator = SplitMix(seed: UInt64(worker) + 1)
          var samples = Samples()
          while true {
            let name = self.names.count == 1 ? 0 : Int.random(in: 0..<self.names.count, using: &generator)
            try await self.pair(self.lock(worker, name), self.sections[name], &samples)
            if ContinuousClock.now > end { return samples }
          }
        }
      }
      return try await group.reduce(into: [Samples]()) { $0.append($1) }
    }
    self.report(report, samples, start)
  }

  private func busy() async throws {
    let holder = try await self.lock(1, 0).acquire(within: nil)
    let lock = self.lock(0, 0)
    for _ in 0..<500 { _ = try await lock.tryAcquire() }
    let report = Report()
    let start = ContinuousClock.now
    let end = start.advanced(by: .seconds(self.arguments.number("secs", 3)))
    var samples = Samples()
    var last = start
    while last < end {
      if let lease = try await lock.tryAcquire() {
        // A grant beside that of the holder, as a visit that left no trace.
        self.visits.count.add(1, ordering: .relaxed)
        try await lease.release()
      }
      let now = ContinuousClock.now
      samples.add(from: last, granted: now, end: now)
      last = now
    }
    self.report(report, [samples], start)
    try await holder.release()
  }

  /// Who has queued, and in which order they were served.
  private final class Crowd: Sendable {
    let queued = Atomic(0)
    let served = Mutex<[Int]>([])
  }

  private func crowd() async throws {
    let crowd = Crowd()
    let samples = try await withThrowingTaskGroup(of: Samples.self) { group in
      let holder = try await self.lock(0, 0).acquire(within: nil)
      for worker in 0..<self.workers {
        group.addTask {
          var samples = Samples()
          let start = ContinuousClock.now
          crowd.queued.add(1, ordering: .relaxed)
          let lease = try await self.lock(worker, 0).acquire(within: nil)
          let granted = ContinuousClock.now
          self.visit(self.sections[0], lease.held)
          crowd.served.withLock { $0.append(worker) }
          try await lease.release()
          samples.add(from: start, granted: granted, end: .now)
          return samples
        }
      }
      while crowd.queued.load(ordering: .relaxed) < self.workers { try await Task.sleep(for: .milliseconds(10)) }
      // Those that have a session each are still on their way to the server.
      try await Task.sleep(for: .seconds(1))
      let report = Report()
      let start = ContinuousClock.now
      try await holder.release()
      let samples = try await group.reduce(into: [Samples]()) { $0.append($1) }
      self.report(report, samples, start)
      return samples
    }
    precondition(samples.count == self.workers && crowd.served.withLock { Set($0).count } == self.workers)
  }
}

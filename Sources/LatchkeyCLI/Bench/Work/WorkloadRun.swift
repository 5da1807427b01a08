internal import Latchkey
internal import LatchkeyPrimitives
internal import LatchkeyProcesses
internal import LatchkeyTesting

/// Lets one workload run once on one backend.
struct WorkloadRun: Sendable {
  let workload: BenchWorkload
  let target: BenchTarget
  let locks: [any DistributedLock]
  /// How long to go on asking.
  let limit: Duration
  let sections: [Section]
  let tally = SharedTally()
  let timeline = Timeline()

  init(_ workload: BenchWorkload, on target: BenchTarget, with locks: any LockProvider, for limit: Duration) throws {
    self.workload = workload
    self.target = target
    self.limit = limit
    self.locks = try (0..<workload.names).map {
      locks.lock(try target.lockName(workload.names == 1 ? workload.rawValue : "\(workload.rawValue)/\($0)"))
    }
    self.sections = (0..<workload.names).map { _ in Section() }
  }

  /// Runs until the time is up, the crowd has drained, or the task is cancelled.
  ///
  /// - Parameter isWarmUp: Visits every lock at least once, so that what a backend makes for a new lock is there afterwards.
  func run(isWarmUp: Bool = false) async -> BenchRun {
    switch self.workload {
    case .uncontended, .handoff, .manylocks: await self.takeTurns(visitingAll: isWarmUp)
    case .trybusy: await self.tryWhileHeld()
    case .crowd: await self.gatherAndDrain()
    }
  }

  // MARK: Turns

  private func takeTurns(visitingAll: Bool) async -> BenchRun {
    let gate = Gate(self.workload.workers)
    let grants = await withTaskGroup(of: (Int, Int).self) { group in
      for worker in 0..<self.workload.workers {
        group.addTask {
          _ = await gate.arrive()
          return (worker, await self.takeTurns(worker: worker, visitingAll: visitingAll))
        }
      }
      var grants = [Int](repeating: 0, count: self.workload.workers)
      for await (worker, count) in group { grants[worker] = count }
      return grants
    }
    return self.result(grants: grants)
  }

  /// - Returns: How often the worker had a lock.
  private func takeTurns(worker: Int, visitingAll: Bool) async -> Int {
    let samples = Samples()
    var random = SplitMix(seed: UInt64(worker) + 1)
    var recorder = self.timeline.recorder(worker: worker, after: UInt64(self.limit.nanoseconds) / 2)
    var grants = 0
    samples.start()
    let end = Uptime.nanoseconds + UInt64(self.limit.nanoseconds)
    let firstVisits = visitingAll ? Array(stride(from: worker, to: self.locks.count, by: self.workload.workers)) : []
    while !Task.isCancelled, grants < firstVisits.count || Uptime.nanoseconds < end {
      let place =
        grants < firstVisits.count
        ? firstVisits[grants] : self.locks.count == 1 ? 0 : Int.random(in: 0..<self.locks.count, using: &random)
      let section = self.sections[place]
      let attempt = await samples.attempt(.wait(self.workload.patience), for: self.locks[place]) { section.visit($0) }
      guard case .granted(let granted, let released) = attempt else {
        if case .busy = attempt { samples.note(error: self.tooLate(place)) }
        break
      }
      grants += 1
      recorder.note(from: granted, until: released)
      if samples.isFull { samples.flush(into: self.tally.value) }
    }
    samples.end()
    samples.flush(into: self.tally.value)
    self.timeline.add(recorder)
    return grants
  }

  // MARK: Tries

  /// The holder is another client: one client may know of its own lock without asking anybody.
  private func tryWhileHeld() async -> BenchRun {
    do {
      try await self.target.withLocks { other in
        let holder = Samples()
        let lock = other.lock(self.locks[0].name)
        let attempt = await holder.attempt(.wait(self.workload.patience), for: lock) { _ in
          await self.tryAgainAndAgain()
          return true
        }
        if case .busy = attempt { holder.note(error: self.tooLate(0)) }
        self.note(errorOf: holder)
      }
    } catch {
      // Cancelled: interrupted while it connected, so nothing was measured.
      if !(error is CancellationError) { self.tally.value.withLock { $0.note(error: error) } }
    }
    return self.result(grants: [self.tally.sum.acquisitions])
  }

  private func tryAgainAndAgain() async {
    let samples = Samples()
    samples.start()
    let end = Uptime.nanoseconds + UInt64(self.limit.nanoseconds)
    var goesOn = true
    while goesOn, !Task.isCancelled, Uptime.nanoseconds < end {
      switch await samples.attempt(.once, for: self.locks[0], { self.sections[0].visit($0) }) {
      case .busy(let asked, let answered): samples.note(latency: answered - asked)
      case .granted:
        // Only a holder that has lost the lock lets a try succeed.
        samples.note(error: LockError.lost(self.locks[0].name, because: "a try was granted while the lock was held"))
        goesOn = false
      case .cancelled, .failed: goesOn = false
      }
      if samples.isFull { samples.flush(into: self.tally.value) }
    }
    samples.end()
    samples.flush(into: self.tally.value)
  }

  // MARK: What all have in common

  func tooLate(_ place: Int) -> LockError {
    LockError(
      .timedOut,
      name: self.locks[place].name,
      message:
        "no grant within \(self.workload.patience); look at the servers, and whether somebody else uses the same locks"
    )
  }

  /// The holder's own grant is no result; that it failed is.
  func note(errorOf holder: Samples) {
    guard let error = holder.tally.firstError, let code = holder.tally.firstErrorCode else { return }
    self.tally.value.withLock { $0.note(error: error, code: code) }
  }

  func result(grants: [Int], drain: [UInt64] = []) -> BenchRun {
    BenchRun(
      workload: self.workload,
      tally: self.tally.sum,
      finalCount: self.sections.reduce(0) { $0 + $1.count },
      tokensOutOfOrder: self.sections.reduce(0) { $0 + $1.tokensOutOfOrder },
      grants: grants,
      timeline: self.timeline.holds(atMost: 48),
      drain: drain,
      wasCut: Task.isCancelled
    )
  }
}

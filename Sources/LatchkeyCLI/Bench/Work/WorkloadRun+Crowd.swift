internal import Latchkey
internal import LatchkeyPrimitives
internal import LatchkeyProcesses
internal import Synchronization

extension WorkloadRun {
  /// How long the holder keeps the lock after the last waiter has asked, so that all stand in line when it drains.
  private static let settling: Duration = .milliseconds(200)

  /// Everybody asks for a lock that is held; then it is released, and goes from hand to hand until all have had it.
  func gatherAndDrain() async -> BenchRun {
    let crowd = Crowd(waiters: self.workload.workers)
    let served = await withTaskGroup(of: (Int, UInt64?).self) { group in
      for waiter in 0..<self.workload.workers {
        group.addTask { (waiter, await self.wait(in: crowd)) }
      }
      await self.holdBack(crowd)
      var served = [UInt64?](repeating: nil, count: self.workload.workers)
      for await (waiter, instant) in group { served[waiter] = instant }
      return served
    }
    let release = crowd.released.load(ordering: .relaxed)
    let drain = served.compactMap { $0 }.map { $0 > release ? $0 - release : 0 }.sorted()
    self.tally.value.withLock { tally in
      // How long a waiter stood in line before the drain began says nothing about the lock.
      tally.latency = LatencyHistogram()
      for time in drain { tally.latency.record(time) }
      if !drain.isEmpty { tally.start = release }
    }
    return self.result(grants: served.map { $0 == nil ? 0 : 1 }, drain: drain)
  }

  private func holdBack(_ crowd: Crowd) async {
    let holder = Samples()
    let attempt = await holder.attempt(.wait(self.workload.patience), for: self.locks[0]) { held in
      _ = await crowd.gate.arrive()
      for await _ in crowd.allHaveAsked {}
      // Interrupted: the waiters are, too.
      try? await Task.sleep(for: Self.settling)
      crowd.released.store(Uptime.nanoseconds, ordering: .relaxed)
      return held.isHeld
    }
    if case .granted = attempt { return }
    if case .busy = attempt { holder.note(error: self.tooLate(0)) }
    self.note(errorOf: holder)
    _ = await crowd.gate.arrive(well: false)
  }

  /// - Returns: When the waiter had the lock.
  private func wait(in crowd: Crowd) async -> UInt64? {
    guard await crowd.gate.arrive() else { return nil }
    let samples = Samples()
    crowd.noteAsking()
    let attempt = await samples.attempt(.wait(self.workload.patience), for: self.locks[0]) {
      self.sections[0].visit($0)
    }
    if case .busy = attempt { samples.note(error: self.tooLate(0)) }
    samples.end()
    samples.flush(into: self.tally.value)
    guard case .granted(let granted, _) = attempt else { return nil }
    return granted
  }
}

/// What the waiters of a crowd and the holder tell each other.
private final class Crowd: Sendable {
  /// Opens when the holder has the lock.
  let gate: Gate
  /// Ends when the last waiter is about to ask.
  let allHaveAsked: AsyncStream<Never>
  /// When the holder was about to give the lock back, on ``Uptime``.
  let released = Atomic<UInt64>(0)
  private let missing: Atomic<Int>
  private let lastHasAsked: AsyncStream<Never>.Continuation

  init(waiters: Int) {
    self.gate = Gate(waiters + 1)
    self.missing = Atomic(waiters)
    (self.allHaveAsked, self.lastHasAsked) = AsyncStream.makeStream(of: Never.self)
  }

  func noteAsking() {
    if self.missing.subtract(1, ordering: .relaxed).newValue == 0 { self.lastHasAsked.finish() }
  }
}

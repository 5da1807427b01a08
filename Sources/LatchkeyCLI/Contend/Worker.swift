internal import Latchkey

/// One task of a contention: asks for the lock again and again, and adds one to the counter each time it has it.
struct Worker: Sendable {
  let plan: ContendPlan
  /// The place among all workers of all processes.
  let index: Int
  let board: Board
  /// Nil where no lock is taken.
  let lock: (any DistributedLock)?

  private var local = Tally()
  private var latencies: [UInt64] = []
  private var holds: [UInt64] = []

  init(plan: ContendPlan, index: Int, board: Board, lock: (any DistributedLock)?) {
    self.plan = plan
    self.index = index
    self.board = board
    self.lock = lock
  }

  /// Does all attempts, or those until the task is cancelled, and adds what it measured to the total.
  mutating func run(into total: borrowing Locked<Tally>) async {
    self.local.start = Uptime.nanoseconds
    for _ in 0..<self.plan.count {
      guard !Task.isCancelled, await self.attempt() else { break }
      // Times are kept in arrays while the clock matters, and put into the histograms now and then.
      if self.latencies.count >= 4096 { self.flush(into: total) }
    }
    self.local.end = Uptime.nanoseconds
    self.board.finish()
    self.flush(into: total)
  }

  /// - Returns: Whether to go on.
  private mutating func attempt() async -> Bool {
    guard let lock else {
      await self.addWithoutLock()
      return true
    }
    do throws(LockError) {
      let asked = Uptime.nanoseconds
      guard let lease = try await self.lease(of: lock) else {
        self.local.failedTries += 1
        self.board.note(worker: self.index, granted: false)
        await Task.yield()
        return true
      }
      let granted = Uptime.nanoseconds
      self.latencies.append(granted - asked)
      let kept = await self.add(under: lease.held)
      self.holds.append(Uptime.nanoseconds - granted)
      self.board.note(worker: self.index, granted: true)
      do throws(LockError) {
        try await lease.release()
      } catch  where error.code == .lockLost {
        if kept { self.local.lostLeases += 1 }
      }
      return true
    } catch  where error.code == .cancelled {
      return false
    } catch {
      self.local.note(error: error)
      return false
    }
  }

  /// Nil: somebody else has the lock, and had it for as long as this worker may wait.
  private func lease(of lock: any DistributedLock) async throws(LockError) -> Lease? {
    guard self.plan.mode == .lock else { return try await lock.tryAcquire() }
    do {
      return try await lock.acquire(within: self.plan.wait)
    } catch  where error.code == .timedOut {
      return nil
    }
  }

  /// - Returns: False if the lease was lost before the addition could be written.
  private mutating func add(under held: HeldLock) async -> Bool {
    self.local.acquisitions += 1
    if let token = held.token {
      self.local.grantsHadTokens = true
      if held.isHeld { self.board.note(token) }
    }
    let value = self.board.counter
    // A cancelled sleep ends early: the addition is then written all the same, as the grant still stands.
    if self.plan.hold > .zero { try? await Task.sleep(for: self.plan.hold) }
    guard held.isHeld else {
      self.local.lostLeases += 1
      return false
    }
    self.board.counter = value + 1
    self.local.additions += 1
    return true
  }

  private mutating func addWithoutLock() async {
    let start = Uptime.nanoseconds
    let value = self.board.counter
    if self.plan.hold > .zero { try? await Task.sleep(for: self.plan.hold) } else { await Task.yield() }
    self.board.counter = value + 1
    self.latencies.append(0)
    self.holds.append(Uptime.nanoseconds - start)
    self.local.acquisitions += 1
    self.local.additions += 1
    self.board.note(worker: self.index, granted: true)
  }

  private mutating func flush(into total: borrowing Locked<Tally>) {
    let (local, latencies, holds) = (self.local, self.latencies, self.holds)
    total.withLock { total in
      total.add(local)
      for latency in latencies { total.latency.record(latency) }
      for hold in holds { total.hold.record(hold) }
    }
    self.local = Tally()
    self.local.start = local.start
    self.latencies.removeAll(keepingCapacity: true)
    self.holds.removeAll(keepingCapacity: true)
  }
}

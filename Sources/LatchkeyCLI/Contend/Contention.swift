internal import Latchkey

/// The part of a contention that runs in one process.
final class Contention: Sendable {
  let plan: ContendPlan
  let board: Board

  init(_ plan: ContendPlan) throws {
    self.plan = plan
    self.board = try Board(path: plan.board, workers: plan.workers * plan.processes)
  }

  /// Connects, waits for the go, and runs all workers to their end or until the task is cancelled.
  ///
  /// - Parameter ready: Called when connected; returns when the workers may start, false if they must not.
  func run(ready: @escaping @Sendable () async -> Bool) async throws -> Tally {
    guard self.plan.mode != .none else { return await ready() ? await self.workers(of: nil) : Tally() }
    let url = try LockURL(self.plan.url)
    return try await Backends.backend(for: url).withLocks(at: url, tick: self.plan.tick) { locks in
      await ready() ? await self.workers(of: locks.lock(url.name)) : Tally()
    }
  }

  private func workers(of lock: (any DistributedLock)?) async -> Tally {
    let total = SharedTally()
    let gate = Gate(self.plan.workers)
    await withDiscardingTaskGroup { group in
      for place in 0..<self.plan.workers {
        group.addTask {
          let index = self.plan.process * self.plan.workers + place
          _ = await gate.arrive()
          await Worker(self, index: index, lock: lock, total: total).run()
        }
      }
    }
    return total.sum
  }
}

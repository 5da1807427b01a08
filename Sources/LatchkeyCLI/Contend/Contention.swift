internal import Latchkey
internal import LatchkeyPrimitives
internal import LatchkeyProcesses

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
    let (backend, plan) = (try Backends.backend(for: url), self.plan)
    return try await backend.withLocks(at: url, tick: plan.tick, answerTimeout: plan.answerTimeout) { locks in
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

/// One task of a contention: asks for the lock again and again, and adds one to the counter each time it has it.
///
/// An object, and what happens after an answer stands in functions that do not wait: a hundred thousand of them may wait at once,
/// each with the frames of its calls.
final class Worker {
  private let contention: Contention
  /// The place among all workers of all processes.
  private let index: Int
  /// Nil where no lock is taken.
  private let lock: (any DistributedLock)?
  private let total: SharedTally
  private let samples = Samples()

  private var board: Board { self.contention.board }

  init(_ contention: Contention, index: Int, lock: (any DistributedLock)?, total: SharedTally) {
    self.contention = contention
    self.index = index
    self.lock = lock
    self.total = total
  }

  /// Makes all attempts, or those until the task is cancelled, and adds what it measured to the total.
  func run() async {
    self.samples.start()
    for _ in 0..<self.contention.plan.count {
      guard !Task.isCancelled, await self.attempt() else { break }
      if self.samples.isFull { self.samples.flush(into: self.total.value) }
    }
    self.samples.end()
    self.board.finish()
    self.samples.flush(into: self.total.value)
  }

  /// - Returns: Whether to go on.
  private func attempt() async -> Bool {
    guard let lock else {
      await self.addWithoutLock()
      return true
    }
    let asked = Uptime.nanoseconds
    var token: String?
    let attempt = await self.samples.attempt(self.ask, for: lock) { held in await self.use(held, token: &token) }
    let goesOn = self.note(attempt, asked: asked, token: token)
    if case .busy = attempt { await Task.yield() }
    return goesOn
  }

  private var ask: Samples.Ask {
    self.contention.plan.mode == .lock ? .wait(self.contention.plan.wait) : .once
  }

  /// - Returns: False if the lease was lost before the addition could be written.
  private func use(_ held: HeldLock, token: inout String?) async -> Bool {
    if self.contention.plan.tellsOutcomes { token = held.token?.description }
    self.board.holder = self.index
    let kept = await self.add(under: held)
    // After a loss it may be somebody else's.
    if self.board.holder == self.index { self.board.holder = nil }
    self.board.note(worker: self.index, granted: true)
    return kept
  }

  /// - Returns: Whether to go on.
  private func note(_ attempt: Samples.Attempt, asked: UInt64, token: String?) -> Bool {
    if self.contention.plan.tellsOutcomes {
      let outcome = self.outcome(of: attempt, asked: asked, token: token)
      self.total.value.withLock { total in total.outcomes.append(outcome) }
    }
    switch attempt {
    case .granted: return true
    case .busy:
      self.board.note(worker: self.index, granted: false)
      return true
    case .cancelled, .failed: return false
    }
  }

  private func outcome(of attempt: Samples.Attempt, asked: UInt64, token: String?) -> TryOutcome {
    let now = Uptime.nanoseconds
    let (answered, answer): (UInt64, TryOutcome.Answer) =
      switch attempt {
      case .granted(let from, _): (from, .granted(token: token))
      case .busy(_, let answered): (answered, .busy)
      case .cancelled, .failed: (now, .failed)
      }
    return TryOutcome(worker: self.index, asked: asked, answered: answered, done: now, answer: answer)
  }

  /// - Returns: False if the lease was lost before the addition could be written.
  private func add(under held: HeldLock) async -> Bool {
    if let token = held.token, held.isHeld { self.board.note(token) }
    let value = self.board.counter
    let hold = self.contention.plan.hold
    // A cancelled sleep ends early: the addition is then written all the same, as the grant still stands.
    if hold > .zero { try? await Task.sleep(for: hold) }
    guard held.isHeld else { return false }
    self.board.counter = value + 1
    return true
  }

  private func addWithoutLock() async {
    let start = Uptime.nanoseconds
    let value = self.board.counter
    let hold = self.contention.plan.hold
    if hold > .zero { try? await Task.sleep(for: hold) } else { await Task.yield() }
    self.board.counter = value + 1
    self.samples.noteAddition(hold: Uptime.nanoseconds - start)
    self.board.note(worker: self.index, granted: true)
  }
}

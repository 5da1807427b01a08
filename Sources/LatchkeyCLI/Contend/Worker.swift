internal import Latchkey

/// One task of a contention: asks for the lock again and again, and adds one to the counter each time it has it.
struct Worker: Sendable {
  let plan: ContendPlan
  /// The place among all workers of all processes.
  let index: Int
  let board: Board
  /// Nil where no lock is taken.
  let lock: (any DistributedLock)?

  private var samples = Samples()

  init(plan: ContendPlan, index: Int, board: Board, lock: (any DistributedLock)?) {
    self.plan = plan
    self.index = index
    self.board = board
    self.lock = lock
  }

  /// Does all attempts, or those until the task is cancelled, and adds what it measured to the total.
  mutating func run(into total: borrowing Locked<Tally>) async {
    self.samples.start()
    for _ in 0..<self.plan.count {
      guard !Task.isCancelled, await self.attempt(total) else { break }
      if self.samples.isFull { self.samples.flush(into: total) }
    }
    self.samples.end()
    self.board.finish()
    self.samples.flush(into: total)
  }

  /// - Returns: Whether to go on.
  private mutating func attempt(_ total: borrowing Locked<Tally>) async -> Bool {
    guard let lock else {
      await self.addWithoutLock()
      return true
    }
    let (board, hold, index) = (self.board, self.plan.hold, self.index)
    let ask: Samples.Ask = self.plan.mode == .lock ? .wait(self.plan.wait) : .once
    let tells = self.plan.tellsOutcomes
    let asked = Uptime.nanoseconds
    var token: String?
    let attempt = await self.samples.attempt(ask, for: lock) { held in
      if tells { token = held.token?.description }
      board.holder = index
      let kept = await Self.add(under: held, to: board, hold: hold)
      // After a loss it may be somebody else's.
      if board.holder == index { board.holder = nil }
      board.note(worker: index, granted: true)
      return kept
    }
    if tells {
      let outcome = self.outcome(of: attempt, asked: asked, token: token)
      total.withLock { total in total.outcomes.append(outcome) }
    }
    switch attempt {
    case .granted: return true
    case .busy:
      self.board.note(worker: self.index, granted: false)
      await Task.yield()
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
  private static func add(under held: HeldLock, to board: Board, hold: Duration) async -> Bool {
    if let token = held.token, held.isHeld { board.note(token) }
    let value = board.counter
    // A cancelled sleep ends early: the addition is then written all the same, as the grant still stands.
    if hold > .zero { try? await Task.sleep(for: hold) }
    guard held.isHeld else { return false }
    board.counter = value + 1
    return true
  }

  private mutating func addWithoutLock() async {
    let start = Uptime.nanoseconds
    let value = self.board.counter
    if self.plan.hold > .zero { try? await Task.sleep(for: self.plan.hold) } else { await Task.yield() }
    self.board.counter = value + 1
    self.samples.noteAddition(hold: Uptime.nanoseconds - start)
    self.board.note(worker: self.index, granted: true)
  }
}

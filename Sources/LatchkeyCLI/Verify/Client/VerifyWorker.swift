internal import Latchkey

/// One task of a client process: asks for the lock again and again, writes to the resource while it holds it, and tells all
/// it sees.
struct VerifyWorker: Sendable {
  let plan: VerifyPlan
  let number: Int
  let lock: any DistributedLock
  let outlet: VerifyOutlet
  private var random: SeededRandom

  init(plan: VerifyPlan, number: Int, lock: any DistributedLock, outlet: VerifyOutlet) {
    self.plan = plan
    self.number = number
    self.lock = lock
    self.outlet = outlet
    self.random = SeededRandom(seed: plan.seed &+ UInt64(number) &* 0x9E37)
  }

  /// Works until the task is cancelled.
  mutating func run() async {
    while !Task.isCancelled {
      var attempt = self
      attempt.random = SeededRandom(seed: self.random.next())
      // A task of its own, so that some attempts can be cancelled wherever they are.
      let task = Task { [attempt] in
        var attempt = attempt
        await attempt.attempt()
      }
      let isCutShort = Int.random(in: 0..<12, using: &self.random) == 0
      let patience = self.random.duration(0...0.05, of: self.plan.timeToLive)
      let timer = Task {
        guard isCutShort, (try? await Task.sleep(for: patience)) != nil else { return }
        task.cancel()
      }
      await withTaskCancellationHandler {
        await task.value
      } onCancel: {
        task.cancel()
      }
      timer.cancel()
      // Between two attempts, so that others have a chance where the lock is not fair.
      try? await Task.sleep(for: .milliseconds(Int.random(in: 0..<10, using: &self.random)))
    }
  }

  private mutating func attempt() async {
    let triesOnce = Int.random(in: 0..<8, using: &self.random) == 0
    let budget = triesOnce ? self.plan.tryBudget : self.plan.budget
    let asked = ContinuousClock.now.sinceStart
    self.outlet.say(.asked(worker: self.number, at: asked, within: UInt64(budget.nanoseconds)))
    do throws(LockError) {
      if triesOnce {
        guard let lease = try await self.lock.tryAcquire() else { return self.fail("busy", "") }
        await self.hold(lease)
      } else {
        await self.hold(try await self.lock.acquire(within: budget))
      }
    } catch {
      self.fail(error.code.description, error.message)
      // Nobody is there: not a reason to ask a thousand times a second.
      try? await Task.sleep(for: .milliseconds(50))
    }
  }

  private func fail(_ code: String, _ message: String) {
    self.outlet.say(
      .failed(worker: self.number, at: ContinuousClock.now.sinceStart, code: code, message: String(message.prefix(200)))
    )
  }

  /// Holds a lease for a while, mostly short, now and then for longer than a session lives unattended.
  private mutating func hold(_ lease: consuming Lease) async {
    let (held, number, outlet) = (lease.held, self.number, self.outlet)
    let isSabotaged = self.plan.sabotage != nil
    let token = held.token.map { VerifyToken($0) }
    var seen = Observation(of: held, ignoringDeadlines: isSabotaged)
    outlet.say(.granted(worker: number, token: token, seen: seen))
    let monitor = Task {
      guard let loss = await held.lost else { return }
      let deadline = held.deadline?.sinceStart
      let reason = String(loss.message.prefix(200))
      outlet.say(.lost(worker: number, at: ContinuousClock.now.sinceStart, deadline: deadline, reason: reason))
    }
    let isLong = Int.random(in: 0..<40, using: &self.random) == 0
    let length: Duration =
      isLong
      ? self.random.duration(0.1...1.2, of: self.plan.timeToLive)
      : .milliseconds(Int.random(in: 0..<20, using: &self.random))
    let end = ContinuousClock.now.advanced(by: length)
    var lingers = false
    repeat {
      // Looked at and used in one breath, as a careful holder does; what comes in between is what tokens are for.
      if seen.isHeld { _ = await outlet.write(worker: number, token: token, seen: seen) }
      try? await Task.sleep(for: .milliseconds(Int.random(in: 1..<8, using: &self.random)))
      seen = Observation(of: held, ignoringDeadlines: isSabotaged)
      if !seen.isHeld { outlet.say(.seen(worker: number, seen: seen)) }
      if seen.isHeld, !lingers, outlet.lingerEnd > .now {
        lingers = true
        outlet.say(.lingering(worker: number))
      }
    } while seen.isHeld && ContinuousClock.now < max(end, outlet.lingerEnd) && !Task.isCancelled
    let last = Observation(of: held, ignoringDeadlines: isSabotaged)
    outlet.say(.releasing(worker: number, at: ContinuousClock.now.sinceStart, seen: last))
    // A loss is told by the monitor.
    await lease.releaseQuietly()
    outlet.say(.released(worker: number, at: ContinuousClock.now.sinceStart))
    await monitor.value
  }
}

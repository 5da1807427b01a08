internal import Latchkey
internal import LatchkeyPrimitives
internal import LatchkeyProcesses
internal import LatchkeyTesting

/// One task of a client process: asks for the lock again and again, writes to the resource while it holds it, and reports all
/// it sees.
struct VerifyWorker: Sendable {
  let plan: VerifyPlan
  let number: Int
  let lock: any DistributedLock
  let outlet: VerifyOutlet
  private var random: SplitMix

  init(plan: VerifyPlan, number: Int, lock: any DistributedLock, outlet: VerifyOutlet) {
    self.plan = plan
    self.number = number
    self.lock = lock
    self.outlet = outlet
    self.random = SplitMix(seed: plan.seed &+ UInt64(number) &* 0x9E37)
  }

  /// Works until the task is cancelled.
  mutating func run() async {
    while !Task.isCancelled {
      var attempt = self
      attempt.random = SplitMix(seed: self.random.next())
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

  // MARK: Holding

  /// Whether a lease has said by itself that it is lost.
  private final class Notice: Sendable {
    private let state = Locked(false)

    var isGiven: Bool { self.state.withLock { $0 } }

    func give() { self.state.withLock { $0 = true } }
  }

  /// Holds a lease for a while, mostly short, now and then for longer than a session lives unattended. Some are not looked at
  /// meanwhile: who asks whether a lease is held may be the one that wakes its alarm.
  private mutating func hold(_ lease: consuming Lease) async {
    let silent = self.plan.sabotage == .silentLoss ? SilentLease(lease.held) : nil
    let (held, number, outlet) = (silent?.held ?? lease.held, self.number, self.outlet)
    let token = held.token.map { VerifyToken($0) }
    let seen = self.look(at: held)
    outlet.say(.granted(worker: number, token: token, seen: seen))
    let notice = Notice()
    let monitor = Task {
      guard let loss = await held.lost else { return }
      let deadline = held.deadline?.sinceStart
      let reason = String(loss.message.prefix(200))
      outlet.say(.lost(worker: number, at: ContinuousClock.now.sinceStart, deadline: deadline, reason: reason))
      notice.give()
    }
    let isLong = Int.random(in: 0..<40, using: &self.random) == 0
    let length: Duration =
      isLong
      ? self.random.duration(0.1...1.2, of: self.plan.timeToLive)
      : .milliseconds(Int.random(in: 0..<20, using: &self.random))
    let end = ContinuousClock.now.advanced(by: length)
    var isWatched = Int.random(in: 0..<8, using: &self.random) != 0
    if isWatched { isWatched = await self.use(held, token, seen, until: end) }
    if !isWatched {
      await self.wait(until: end, notice)
      let seen = self.look(at: held)
      if seen.isHeld { _ = await outlet.write(worker: number, token: token, seen: seen) }
    }
    outlet.say(.releasing(worker: number, at: ContinuousClock.now.sinceStart, seen: self.look(at: held)))
    // The monitor reports a loss.
    await lease.releaseQuietly()
    silent?.tell()
    outlet.say(.released(worker: number, at: ContinuousClock.now.sinceStart))
    await monitor.value
  }

  private func look(at held: HeldLock) -> Observation {
    Observation(of: held, ignoringDeadlines: self.plan.sabotage?.ignoresDeadlines ?? false)
  }

  /// Looks at the lease and writes to the resource again and again, until it is over or has been held for long enough.
  ///
  /// - Returns: False if it is to be held on without looking.
  private mutating func use(
    _ held: HeldLock,
    _ token: VerifyToken?,
    _ first: Observation,
    until end: ContinuousClock.Instant
  ) async -> Bool {
    var seen = first
    var lingers = false
    var end = end
    repeat {
      // Looked at and used in one breath, as a careful holder does; what comes in between is what tokens are for.
      if seen.isHeld { _ = await self.outlet.write(worker: self.number, token: token, seen: seen) }
      await self.pause()
      seen = self.look(at: held)
      guard seen.isHeld else {
        self.outlet.say(.seen(worker: self.number, seen: seen))
        return true
      }
      let lingering = self.outlet.lingering
      guard lingering.isNow else { continue }
      guard lingering.isWatched else { return false }
      self.sayLingering(&lingers)
      end = max(end, lingering.end)
    } while ContinuousClock.now < end && !Task.isCancelled
    return true
  }

  /// Waits for the lease to say by itself that it is lost, or until it has been held for long enough. Does not look at it.
  private mutating func wait(until end: ContinuousClock.Instant, _ notice: Notice) async {
    self.outlet.say(.unwatched(worker: self.number))
    var lingers = false
    var end = end
    repeat {
      let lingering = self.outlet.lingering
      if lingering.isNow {
        self.sayLingering(&lingers)
        // Go on until a loss would be reported too late.
        end = max(end, lingering.end.advanced(by: self.plan.patience))
      }
      await self.pause()
    } while !notice.isGiven && ContinuousClock.now < end && !Task.isCancelled
  }

  private mutating func pause() async {
    try? await Task.sleep(for: .milliseconds(Int.random(in: 1..<8, using: &self.random)))
  }

  /// Says, once, that the lease is kept because a fault is about to strike its holder.
  private func sayLingering(_ lingers: inout Bool) {
    guard !lingers else { return }
    lingers = true
    self.outlet.say(.lingering(worker: self.number))
  }
}

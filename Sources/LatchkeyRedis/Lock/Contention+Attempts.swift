internal import Latchkey
internal import LatchkeyNetwork
internal import LatchkeyPrimitives

/// What attempts report, and what alarms and subscriptions bring.
extension Contention where Backend == RedisLockBackend {
  func answered(_ attempt: any LockAttempt, _ outcome: AttemptOutcome) {
    if attempt.isReleased {
      self.withLocal { _, local in local.failed[attempt.number] = attempt }
      // It may have nothing to take back.
      if attempt.isOver { self.forget(attempt) }
    }
    self.handle { _, local in
      local.askedAt = nil
      return .answered(attempt: attempt.number, self.answer(outcome, &local))
    }
  }

  private func answer(_ outcome: AttemptOutcome, _ local: inout RedisLockBackend.Local) -> RedisLockAnswer {
    switch outcome {
    case .granted(let grant):
      local.grant = grant
      return .granted
    case .late: return .unreachable(LockFailure(.tooSlow(self.name)))
    case .busy(let remaining, let owners, let holder):
      local.holder = holder
      let isOwn = local.departed.values.contains { owners.contains($0.owner) }
      return isOwn ? .busyWithOwn : .busy(remaining: remaining)
    case .unreachable(let error, let isSilence): return .unreachable(LockFailure(error), isSilence: isSilence)
    case .notYet(let error, let remaining): return .notYet(LockFailure(error), remaining: remaining)
    case .refused(let error, let inDoubt): return .refused(LockFailure(error), inDoubt: inDoubt)
    }
  }

  func settled(_ attempt: any LockAttempt, notified: Int, _ outcome: ReleaseOutcome) {
    self.handle(.releaseSettled(attempt: attempt.number, notified: notified), settling: attempt.number, as: outcome)
  }

  /// Called when nothing of an attempt can be at a server any more.
  func forget(_ attempt: any LockAttempt) {
    let handlers = self.withLocal { machine, local in
      local.departed[attempt.number] = nil
      local.failed[attempt.number] = nil
      return local.takeCleared(machine)
    }
    for handler in handlers { handler() }
  }

  /// Calls back when nothing that was given up or released can be at a server any more.
  func whenClear(_ handler: @escaping @Sendable () -> Void) {
    let isClear = self.withLocal { machine, local in
      let isClear = local.isClear(machine)
      if !isClear { local.cleared.append(handler) }
      return isClear
    }
    if isClear { handler() }
  }

  func rest(_ alarm: UInt64, _ delay: Duration) {
    let clock = self.shell.runtime.clock
    let id = clock.set(after: delay) { self.handle(.alarm(alarm)) }
    let isAwaited = self.withLocal { machine, local in
      let isAwaited = machine.awaits(alarm)
      if isAwaited { local.alarms[alarm] = id }
      return isAwaited
    }
    if !isAwaited { clock.cancel(id) }
  }

  func subscribe(_ number: UInt64) {
    let runtime = self.shell.runtime
    guard let publisher = runtime.publisher else { preconditionFailure("nobody publishes releases") }
    let listening = publisher.listen(to: self.shell.keys.channel) {
      self.handle(.subscribed, ofSubscription: number)
    } told: {
      self.handle(.woken, ofSubscription: number)
    } ended: { error in
      if let error { runtime.warn(ofSubscription: error) }
      self.handle(.unsubscribed, ofSubscription: number)
    }
    let isStale = self.withLocal { _, local in
      guard local.subscription == number else { return true }
      local.listening = listening
      return false
    }
    if isStale { listening.end() }
  }

  private func handle(_ event: RedisLockEvent, ofSubscription number: UInt64) {
    self.handle { _, local in local.subscription == number ? event : nil }
  }
}

extension ContentionTable where Backend == RedisLockBackend {
  /// Ends all leases: their holders are notified of the loss, and their locks are free when this returns. So are those of failed
  /// attempts and earlier releases that slow servers have not answered yet. Nothing is granted until this returns.
  func releaseAll(_ clock: TimerQueue) async {
    let contentions = self.update { endings in endings += 1 }
    defer { self.finishEnding() }
    for contention in contentions { contention.refuse(.ending(contention.name)) }
    await withDiscardingTaskGroup { group in
      // Asked of the contentions, which know of a grant before its holder does; it may not be watched yet.
      for lease in contentions.flatMap(\.leases) {
        group.addTask { await lease.revoke(because: "its client was shut down while it was held") }
      }
    }
    let answers = contentions.map { contention in
      let answer = OneShot<Void>()
      contention.whenClear { answer.resolve() }
      return answer
    }
    // How long a server may take to forget what was given back.
    let alarm = clock.set(after: .seconds(1)) { for answer in answers { answer.resolve() } }
    // In a task of its own, since the one that shuts down may be cancelled.
    await Task { for answer in answers { await answer.wait(cancelled: ()) } }.value
    clock.cancel(alarm)
  }

  /// Logs what could not be released in time, and lets callers join again.
  private func finishEnding() {
    var isLast = false
    let contentions = self.update { endings in
      endings -= 1
      isLast = endings == 0
    }
    for contention in contentions {
      for attempt in contention.withLocal({ Array($1.departed.values) }) { attempt.dropRelease() }
      if isLast { contention.refuse(nil) }
    }
  }
}

extension LockError {
  /// The error of a caller that asks for a lock while all are being released.
  static func ending(_ name: LockName) -> LockError {
    LockError(
      .closed,
      name: name,
      message: "the locks of this client are being given back, since it shuts down; use the lock while it is open"
    )
  }

  static func reserved(_ name: LockName) -> LockError {
    LockError(
      .invalidName,
      name: name,
      message: "keys that end with \"\(LockKeys.suffix)\" are those of the locks' own counters; choose another name"
    )
  }

  static func silent(_ name: LockName) -> LockError {
    LockError(
      .unreachable,
      name: name,
      message: "the server did not answer within the wait; check that it runs, or wait longer"
    )
  }

  fileprivate static func tooSlow(_ name: LockName) -> LockError {
    LockError(
      .unreachable,
      name: name,
      message:
        "the servers granted the lock so late that its TTL was used up; look for what slows them, or raise the TTL"
    )
  }
}

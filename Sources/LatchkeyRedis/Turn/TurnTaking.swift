internal import Latchkey
internal import LatchkeyPrimitives

/// The turns of all locks of a client, by name, and what a caller does to get one.
final class TurnTaking: Sendable {
  private struct Registry {
    /// By name, which is compared byte by byte, as servers compare keys.
    var turns: [LockName: LockTurns] = [:]
    /// Idle turns are swept when the table has grown to this size.
    var sweepAt = 256
    /// How many times all is being given back at present.
    var endings = 0
  }

  let servers: LockServers
  private let registry = Locked(Registry())

  init(_ servers: LockServers) {
    self.servers = servers
  }

  /// Takes the lock if nobody has it.
  func tryAcquire(_ name: LockName) async throws(LockError) -> Lease? {
    try await self.servers.observer.tryAcquire(name) { () async throws(LockError) in try await self.tryLease(name) }
  }

  private func tryLease(_ name: LockName) async throws(LockError) -> Lease? {
    if Task.isCancelled { throw .cancelled(name) }
    switch await self.wait(for: name, until: nil, isPatient: false) {
    case .granted(let lease): return try await self.wanted(lease).makeLease()
    case .busy, .timedOut: return nil
    case .cancelled: throw .cancelled(name)
    case .failed(let error): throw error
    }
  }

  /// Waits for the lock.
  func acquire(_ name: LockName, within timeout: Duration?) async throws(LockError) -> Lease {
    try await self.servers.observer.acquire(name, within: timeout) { () async throws(LockError) in
      try await self.acquireLease(name, within: timeout)
    }
  }

  private func acquireLease(_ name: LockName, within timeout: Duration?) async throws(LockError) -> Lease {
    if Task.isCancelled { throw .cancelled(name) }
    let start = ContinuousClock.now
    let isPatient = timeout.map { $0 > .zero } ?? true
    let deadline = isPatient ? timeout.map { start.advanced(by: $0) } : nil
    switch await self.wait(for: name, until: deadline, isPatient: isPatient) {
    case .granted(let lease): return try await self.wanted(lease).makeLease()
    case .busy(var wait), .timedOut(var wait):
      wait.waited = .now - start
      throw .timedOut(name, wait)
    case .cancelled: throw .cancelled(name)
    case .failed(var error):
      if error.code == .unreachable {
        var wait = error.wait ?? LockError.Wait()
        wait.waited = .now - start
        error.wait = wait
      }
      throw error
    }
  }

  /// How long a server may take to forget what was given back.
  private static let patience = Duration.seconds(1)

  /// Ends all leases: their holders are notified of the loss, and their locks are free when this returns. So are those of failed
  /// attempts and earlier releases that slow servers have not answered yet. Nothing is granted until this returns.
  func releaseAll() async {
    let everybody = self.registry.withLock { registry in
      registry.endings += 1
      return Array(registry.turns.values)
    }
    defer {
      self.registry.withLock { $0.endings -= 1 }
      for turns in everybody { turns.finishEnding() }
    }
    for turns in everybody { turns.beginEnding() }
    await withDiscardingTaskGroup { group in
      // Asked of the turns, which know of a grant before its holder does; it may not be watched yet.
      for lease in everybody.compactMap(\.lease) {
        group.addTask { await lease.revoke(because: "its client was shut down while it was held") }
      }
    }
    let answers = everybody.map { turns in
      let answer = OneShot<Void>()
      turns.whenClear { answer.resolve() }
      return answer
    }
    let alarm = self.servers.clock.set(after: Self.patience) { for answer in answers { answer.resolve() } }
    // In a task of its own, since the one that shuts down may be cancelled.
    await Task { for answer in answers { await answer.wait(cancelled: ()) } }.value
    self.servers.clock.cancel(alarm)
  }

  /// A grant may cross a cancellation: then no caller would release it.
  private func wanted(_ lease: RedisLease) async throws(LockError) -> RedisLease {
    guard Task.isCancelled else { return lease }
    do throws(LockError) {
      try await lease.release(lease.grant)
    } catch {
      // Already lost; nothing left to release.
    }
    throw .cancelled(lease.name)
  }

  /// Stands in the local line until granted, turned away, timed out or cancelled.
  private func wait(
    for name: LockName,
    until deadline: ContinuousClock.Instant?,
    isPatient: Bool
  ) async -> LockTurns.Answer {
    guard !LockKeys.isReserved(name, prefix: self.servers.settings.prefix) else { return .failed(.reserved(name)) }
    guard let (turns, id) = self.join(name, isPatient: isPatient) else { return .failed(.ending(name)) }
    let answerTimeout = isPatient ? nil : self.servers.settings.tryTimeout
    let alarm = (deadline ?? answerTimeout.map { ContinuousClock.now.advanced(by: $0) }).map {
      self.servers.clock.set(at: $0) { turns.leave(id, timedOut: true) }
    }
    let answer = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in turns.suspend(id, continuation) }
    } onCancel: {
      turns.leave(id, timedOut: false)
    }
    if let alarm { self.servers.clock.cancel(alarm) }
    return answer
  }

  /// - Returns: Nil if all is being given back.
  private func join(_ name: LockName, isPatient: Bool) -> (LockTurns, LockTurns.Line.ID)? {
    while true {
      let turns = self.registry.withLock { registry -> LockTurns? in
        guard registry.endings == 0 else { return nil }
        if let turns = registry.turns[name] { return turns }
        if registry.turns.count >= registry.sweepAt {
          registry.turns = registry.turns.filter { !$0.value.retireIfIdle() }
          registry.sweepAt = max(256, registry.turns.count * 2)
        }
        let turns = LockTurns(name: name, servers: self.servers)
        registry.turns[name] = turns
        return turns
      }
      switch turns?.join(isPatient: isPatient) {
      case .joined(let id)?: return turns.map { ($0, id) }
      case .retired?: continue
      case .ending?, nil: return nil
      }
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

  fileprivate static func reserved(_ name: LockName) -> LockError {
    LockError(
      .invalidName,
      name: name,
      message: "keys that end with \"\(LockKeys.suffix)\" are those of the locks' own counters; choose another name"
    )
  }
}

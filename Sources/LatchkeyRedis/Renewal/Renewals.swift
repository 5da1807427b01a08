internal import Latchkey

/// The shell of a ``RenewalMachine``: watches all leases of a client, whichever locks they are of.
final class Renewals: Sendable {
  private struct Watched {
    let lease: RedisLease
    let keys: LockKeys
    let owner: [UInt8]
  }

  private struct State {
    var machine: RenewalMachine
    var leases: [UInt64: Watched] = [:]
    /// Those who wait for the extension of a lease.
    var waiting: [UInt64: [SingleAnswer<ExtensionAnswer>]] = [:]
  }

  private let batch: ExtensionBatch
  private let clock: AlarmClock
  private let state: Locked<State>

  init(rules: RenewalMachine.Rules, batch: ExtensionBatch, clock: AlarmClock) {
    self.batch = batch
    self.clock = clock
    self.state = Locked(State(machine: RenewalMachine(rules: rules)))
  }

  /// Begins to watch a lease that was granted by a request sent at an instant.
  func watch(_ lease: RedisLease, keys: LockKeys, owner: [UInt8], sentAt: ContinuousClock.Instant) {
    self.handle(.granted(lease: lease.grant, sentAt: sentAt)) { state in
      state.leases[lease.grant] = Watched(lease: lease, keys: keys, owner: owner)
    }
  }

  /// A lease has ended: it is not extended any more.
  func forget(_ lease: RedisLease) {
    let waiting = self.state.withLock { state -> [SingleAnswer<ExtensionAnswer>] in
      _ = state.machine.handle(.ended(lease: lease.grant), at: .now)
      state.leases[lease.grant] = nil
      return state.waiting.removeValue(forKey: lease.grant) ?? []
    }
    for answer in waiting { answer.answer(.lost) }
  }

  /// Extends a lease now.
  func extend(_ lease: RedisLease) async -> ExtensionAnswer {
    let answer = SingleAnswer<ExtensionAnswer>()
    let actions = self.state.withLock { state -> [RenewalAction] in
      let actions = state.machine.handle(.wanted(lease: lease.grant), at: .now)
      if !actions.isEmpty { state.waiting[lease.grant, default: []].append(answer) }
      return actions
    }
    // It has ended, or has all the time that it may have.
    guard !actions.isEmpty else { return .extended }
    for case .extend(let extensions) in actions { self.send(extensions, for: answer) }
    return await answer.wait(cancelled: .unknown)
  }

  private func handle(_ event: RenewalEvent, _ change: (inout sending State) -> Void = { _ in }) {
    let actions = self.state.withLock { state -> [RenewalAction] in
      change(&state)
      return state.machine.handle(event, at: .now)
    }
    self.perform(actions)
  }

  private func perform(_ actions: [RenewalAction]) {
    for action in actions {
      switch action {
      case .extend(let extensions): self.send(extensions)
      case .advance(let lease, let deadline):
        // Refused if the deadline has passed meanwhile; the machine's next alarm is for the new one.
        guard let term = self.lease(lease)?.term, !term.advance(to: deadline) else { continue }
        term.expire()
      case .lose(let lease):
        self.lease(lease)?.term.end(.told("its key is gone or somebody else's: deleted by hand, evicted, or forgotten"))
      case .expire(let lease):
        self.lease(lease)?.term.expire()
      case .wake(let instant):
        self.clock.set(at: instant) { [weak self] in self?.handle(.tick) }
      }
    }
  }

  private func lease(_ id: UInt64) -> RedisLease? { self.state.withLock { $0.leases[id]?.lease } }

  /// - Parameter waiting: Who waits for the outcome of this request, and of no other.
  private func send(_ extensions: [RenewalAction.Extension], for waiting: SingleAnswer<ExtensionAnswer>? = nil) {
    let items = self.state.withLock { state in
      extensions.compactMap { extended in
        state.leases[extended.lease].map { watched in
          ExtensionBatch.Item(
            lease: extended.lease,
            keys: watched.keys,
            owner: watched.owner,
            timeToLive: extended.timeToLive
          )
        }
      }
    }
    self.batch.extend(items) { [weak self] item, sentAt, answer in
      guard let self else { return }
      self.handle(.answered(lease: item.lease, sentAt: sentAt, timeToLive: item.timeToLive, answer))
      guard let waiting else { return }
      self.state.withLock { state in
        state.waiting[item.lease]?.removeAll { $0 === waiting }
        if state.waiting[item.lease]?.isEmpty ?? false { state.waiting[item.lease] = nil }
      }
      waiting.answer(answer)
    }
  }
}

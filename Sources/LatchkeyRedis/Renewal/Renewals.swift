internal import Latchkey
internal import LatchkeyNetwork
internal import LatchkeyPrimitives
internal import Logging

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
    var waiting: [UInt64: [OneShot<Extension>]] = [:]
  }

  /// How an extension that a caller waits for came out.
  struct Extension: Sendable {
    let answer: ExtensionAnswer
    /// What the servers had against it.
    var error: RedisError?
  }

  private let extender: any LeaseExtender
  private let clock: TimerQueue
  private let refusals: RefusalLog
  private let state: Locked<State>

  init(rules: RenewalMachine.Rules, extender: any LeaseExtender, clock: TimerQueue, refusals: RefusalLog) {
    self.extender = extender
    self.clock = clock
    self.refusals = refusals
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
    let waiting = self.state.withLock { state -> [OneShot<Extension>] in
      _ = state.machine.handle(.ended(lease: lease.grant), at: .now)
      state.leases[lease.grant] = nil
      return state.waiting.removeValue(forKey: lease.grant) ?? []
    }
    for answer in waiting { answer.resolve(Extension(answer: .lost)) }
  }

  /// Extends a lease now.
  func extend(_ lease: RedisLease) async -> Extension {
    let answer = OneShot<Extension>()
    let actions = self.state.withLock { state -> [RenewalAction] in
      let actions = state.machine.handle(.wanted(lease: lease.grant), at: .now)
      if !actions.isEmpty { state.waiting[lease.grant, default: []].append(answer) }
      return actions
    }
    // It has ended, or has all the time that it may have.
    guard !actions.isEmpty else { return Extension(answer: .extended) }
    for case .extend(let extensions) in actions { self.send(extensions, for: answer) }
    return await answer.wait(cancelled: Extension(answer: .unknown))
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
        self.lease(lease)?.term.end(
          .reported("its key is gone or somebody else's: deleted by hand, evicted, or forgotten")
        )
      case .expire(let lease):
        self.lease(lease)?.term.expire()
      case .wake(let instant):
        self.clock.set(at: instant) { [weak self] in self?.handle(.tick) }
      }
    }
  }

  private func lease(_ id: UInt64) -> RedisLease? { self.state.withLock { $0.leases[id]?.lease } }

  /// - Parameter waiting: Who waits for the outcome of this request, and of no other.
  private func send(_ extensions: [RenewalAction.Extension], for waiting: OneShot<Extension>? = nil) {
    let items = self.state.withLock { state in
      extensions.compactMap { extended in
        state.leases[extended.lease].map { watched in
          ExtensionItem(
            lease: extended.lease,
            keys: watched.keys,
            owner: watched.owner,
            timeToLive: extended.timeToLive
          )
        }
      }
    }
    self.extender.extend(items) { [weak self] item, sentAt, answer, error in
      guard let self else { return }
      self.note(error, answer, of: item.lease)
      self.handle(.answered(lease: item.lease, sentAt: sentAt, timeToLive: item.timeToLive, answer))
      guard let waiting else { return }
      self.state.withLock { state in
        state.waiting[item.lease]?.removeAll { $0 === waiting }
        if state.waiting[item.lease]?.isEmpty ?? false { state.waiting[item.lease] = nil }
      }
      waiting.resolve(Extension(answer: answer, error: error))
    }
  }

  private static let refusal: Logger.Message = "leases cannot be renewed; they are lost when their time is up"

  /// What keeps a lease from being extended is part of its loss, and logged once while there is time.
  private func note(_ error: RedisError?, _ answer: ExtensionAnswer, of id: UInt64) {
    guard let lease = self.lease(id) else { return }
    switch answer {
    case .lost: break
    case .extended:
      lease.term.note(obstacle: nil)
      self.refusals.clear(Self.refusal)
    case .unknown:
      let error = error ?? RedisError(.timedOut, "too few servers answered in time")
      lease.term.note(obstacle: "the last renewal failed: \(error)")
      guard error.isRefusal else { return }
      let remaining = max(.zero, ContinuousClock.now.duration(to: lease.term.deadline))
      self.refusals.warn(Self.refusal, error: "\(error)", remaining: remaining, name: lease.name)
    }
  }
}

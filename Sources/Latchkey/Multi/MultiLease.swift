internal import LatchkeyPrimitives
internal import Logging

/// What stands behind the one lease of a multi-lock: the grants of its members.
final class MultiLease: LeaseDriver {
  private struct State {
    var ending: LeaseEnding?
    var handlers = HandlerTable<@Sendable (LeaseEnding) -> Void>()
    var isReleased = false
    /// Gives the members back after a loss; the release waits for it.
    var cleanup: Task<Void, Never>?
  }

  /// A driver has one grant.
  static let grant: UInt64 = 1

  let name: LockName
  let backend: LockBackend
  private let members: [any DistributedLock]
  /// In the order in which they were acquired.
  private let grants: [HeldLock]
  private let tokens: [FencingToken?]
  private let state = Locked(State())

  init(lock: MultiLock, grants: [HeldLock], tokens: [FencingToken?]) {
    self.name = lock.name
    self.backend = lock.backend
    self.members = lock.members
    self.grants = grants
    self.tokens = tokens
  }

  /// Begins to listen for the loss of a member.
  func watchMembers() {
    for member in self.grants where member.canBeLost {
      _ = member.onEnding { [weak self] ending in
        if case .lost(let loss) = ending { self?.lose(member, loss) }
      }
    }
  }

  /// The loss of one is the loss of all; the others are released in the background.
  private func lose(_ member: HeldLock, _ loss: LockError) {
    let whole = self.loss(of: member, loss)
    guard self.finish(.lost(whole)) == nil else { return }
    Logger(label: "latchkey").warning(
      LeaseEnding.lossRecord,
      metadata: .lock(self.name, self.backend).and(["reason": "\(whole.lossReason ?? whole.message)"])
    )
  }

  private func loss(of member: HeldLock, _ loss: LockError) -> LockError {
    .lost(self.name, because: "lock \"\(member.name)\" of it was lost: \(loss.lossReason ?? loss.message)")
  }

  /// - Returns: How the lease had ended before, if it had.
  @discardableResult
  private func finish(_ ending: LeaseEnding) -> LeaseEnding? {
    let (before, handlers) = self.state.withLock { state in
      let before = state.ending
      guard before == nil else { return (before, [@Sendable (LeaseEnding) -> Void]()) }
      state.ending = ending
      if case .lost = ending { state.cleanup = Task { [grants] in _ = await grants.giveBack() } }
      return (before, state.handlers.removeAll())
    }
    for handler in handlers { handler(ending) }
    return before
  }

  /// How the lease has ended, by the arithmetic of its members: their handlers may not have been called yet.
  private var ending: LeaseEnding? {
    if let ending = self.state.withLock({ $0.ending }) { return ending }
    guard let lost = self.grants.first(where: { !$0.isHeld }) else { return nil }
    // Read again: a release ends the grants behind the state.
    if let ending = self.state.withLock({ $0.ending }) { return ending }
    return .lost(self.loss(of: lost, lost.loss ?? .lost(lost.name, because: "it was released")))
  }

  // MARK: LeaseDriver

  func deadline(of grant: UInt64) -> ContinuousClock.Instant? { self.grants.compactMap(\.deadline).min() }

  func canBeLost(_ grant: UInt64) -> Bool { self.grants.contains(where: \.canBeLost) }

  func tokens(of grant: UInt64) -> [FencingToken?]? { self.tokens }

  func covers(_ name: LockName, _ backend: LockBackend) -> Bool {
    self.members.contains { $0.name == name && $0.backend == backend }
  }

  func isHeld(_ grant: UInt64) -> Bool { self.ending == nil }

  func isReleased(_ grant: UInt64) -> Bool { self.state.withLock { $0.isReleased } }

  func onEnding(of grant: UInt64, _ handler: @escaping @Sendable (LeaseEnding) -> Void) -> UInt64? {
    if let ending = self.ending {
      handler(ending)
      return nil
    }
    enum Registration {
      case registered(UInt64)
      case over(LeaseEnding)
    }
    let outcome = self.state.withLock { state -> Registration in
      if let ending = state.ending { return .over(ending) }
      return .registered(state.handlers.add(handler))
    }
    switch outcome {
    case .registered(let id): return id
    case .over(let ending):
      handler(ending)
      return nil
    }
  }

  func removeEndingHandler(_ id: UInt64, of grant: UInt64) {
    self.state.withLock { state in _ = state.handlers.remove(id) }
  }

  func extend(_ grant: UInt64) async throws(LockError) {
    let timed = self.grants.filter { $0.deadline != nil }
    guard !timed.isEmpty else {
      throw LockError(
        .notSupported,
        name: self.name,
        message: "none of the locks has a deadline to extend; they are held until they are released or lost"
      )
    }
    for member in timed { try await member.extend() }
    if case .lost(let loss)? = self.ending { throw loss }
  }

  func release(_ grant: UInt64) async throws(LockError) -> PendingRelease? {
    // A member may have been lost, and its handler not been called yet: the loss is reported all the same.
    if let lost = self.grants.first(where: { !$0.isHeld }), let loss = lost.loss { self.lose(lost, loss) }
    let before = self.finish(.released)
    let cleanup = self.state.withLock { state in
      state.isReleased = true
      return state.cleanup
    }
    if case .lost(let loss)? = before {
      await cleanup?.value
      throw loss
    }
    let outcome = await self.grants.giveBack()
    if let lost = outcome.lost, let loss = outcome.loss { throw self.loss(of: lost, loss) }
    return outcome.pending
  }

  func abandon(_ grant: UInt64) {
    let before = self.finish(.released)
    self.state.withLock { $0.isReleased = true }
    // After a loss they have been given back.
    guard before == nil else { return }
    for member in self.grants.reversed() { member.abandon() }
  }
}

/// What came of giving several grants back.
struct GivenBack: Sendable {
  /// The first of them that was found lost.
  var lost: HeldLock?
  var loss: LockError?
  /// What no backend has confirmed.
  var pending: PendingRelease?
}

extension [HeldLock] {
  /// Releases grants that are owned by nobody else, in reverse.
  @discardableResult
  func giveBack() async -> GivenBack {
    var outcome = GivenBack()
    for grant in self.reversed() {
      do throws(LockError) {
        guard let pending = try await grant.giveBack() else { continue }
        outcome.pending = outcome.pending.map { $0.joined(with: pending) } ?? pending
      } catch {
        (outcome.lost, outcome.loss) = (grant, error)
      }
    }
    return outcome
  }
}

extension PendingRelease {
  /// Two releases of one lease: it is given back when both are.
  fileprivate func joined(with other: PendingRelease) -> PendingRelease {
    let standsFor: Duration? =
      if let one = self.standsFor, let two = other.standsFor { Swift.max(one, two) } else { nil }
    return PendingRelease(reason: "\(self.reason); \(other.reason)", standsFor: standsFor)
  }
}

internal import Synchronization

/// One in-process lock: a slot that is free or holds the number of the grant that stands, and the line of those who wait.
///
/// It is also the driver of all its leases, so that an uncontended grant allocates nothing. Whoever finds the slot taken
/// joins the line in the same step, and a release hands the slot straight to the first in line: the slot is never free while
/// somebody waits, so nobody can overtake.
@usableFromInline
final class LocalLockCore: LeaseDriver {
  enum Kind: String {
    case mutex, channel
  }

  enum Answer: Sendable {
    case granted(UInt64)
    /// With the number of contenders that stood before, the holder included.
    case timedOut(place: Int)
    case cancelled
  }

  private struct State {
    /// The grant that stands; 0 while the lock is free.
    var current: UInt64 = 0
    var line = WaitLine<Answer>()
    var endingHandlers: [UInt64: @Sendable (LeaseEnding) -> Void] = [:]
    var nextHandler: UInt64 = 1
  }

  /// Numbers the grants of all in-process locks, so that tokens grow even if a lock's core comes and goes.
  private static let grants = Atomic<UInt64>(0)

  let name: LockName
  let backend: LockBackend
  private let state = Locked(State())

  init(name: LockName, kind: Kind, instance: String) {
    self.name = name
    self.backend = LockBackend(kind: kind.rawValue, instance: instance)
  }

  func tryAcquire() -> Lease? {
    let grant = self.tryGrant()
    return grant == 0 ? nil : self.lease(grant)
  }

  /// - Returns: The number of the grant, or 0 if the lock is held.
  private func tryGrant() -> UInt64 {
    self.state.withLock { state in state.current == 0 ? Self.grant(&state) : 0 }
  }

  /// What a body needs that got the lock without a wait.
  @usableFromInline
  struct Entry {
    @usableFromInline let held: HeldLock
    @usableFromInline let marker: HoldMarker
    @usableFromInline let grant: UInt64
  }

  /// The first step of `withLock`: no lease is made for a body that need not wait.
  ///
  /// - Returns: Nil if somebody holds the lock, or the task was cancelled.
  @usableFromInline
  func enter() throws(LockError) -> Entry? {
    let current = HoldMarker.currentTask
    let enclosing = HoldMarker.current
    if let enclosing { try enclosing.check(self.name, self.backend, task: current.identity) }
    let grant = current.isCancelled ? 0 : self.tryGrant()
    guard grant != 0 else { return nil }
    let marker = HoldMarker(
      driver: self,
      grant: grant,
      task: current.identity,
      caller: current.identity,
      enclosing: enclosing
    )
    return Entry(
      held: HeldLock(driver: self, grant: grant, token: FencingToken(major: grant)),
      marker: marker,
      grant: grant
    )
  }

  @usableFromInline
  func acquireForBody(within timeout: Duration?) async throws -> Lease {
    do {
      return try await self.acquire(within: timeout)
    } catch  where error.code == .cancelled {
      throw CancellationError()
    }
  }

  @inline(__always)
  func acquire(within timeout: Duration?) async throws(LockError) -> Lease {
    if Task.isCancelled { throw .cancelled(self.name) }
    if let lease = self.tryAcquire() { return lease }
    return try await self.wait(within: timeout)
  }

  private func wait(within timeout: Duration?) async throws(LockError) -> Lease {
    let start = ContinuousClock.now
    if let timeout, timeout <= .zero {
      throw self.timedOut(since: start, place: self.state.withLock { $0.line.count } + 1)
    }
    enum Entry {
      case granted(UInt64)
      case joined(WaitLine<Answer>.ID)
    }
    let entry = self.state.withLock { state -> Entry in
      state.current == 0 ? .granted(Self.grant(&state)) : .joined(state.line.join())
    }
    let id: WaitLine<Answer>.ID
    switch entry {
    case .granted(let grant): return self.lease(grant)
    case .joined(let joined): id = joined
    }
    let answer = await withDeadline(timeout.map { start.advanced(by: $0) }) {
      self.expire(id)
    } wait: {
      await self.suspend(id)
    }
    switch answer {
    case .granted(let grant):
      let lease = self.lease(grant)
      guard Task.isCancelled else { return lease }
      await lease.releaseQuietly()
      throw .cancelled(self.name)
    case .timedOut(let place): throw self.timedOut(since: start, place: place)
    case .cancelled: throw .cancelled(self.name)
    }
  }

  private func suspend(_ id: WaitLine<Answer>.ID) async -> Answer {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let early = self.state.withLock { $0.line.suspend(id, continuation) }
        if let early { continuation.resume(returning: early) }
      }
    } onCancel: {
      self.leave(id, .cancelled)
    }
  }

  private func leave(_ id: WaitLine<Answer>.ID, _ answer: Answer) {
    self.state.withLock { $0.line.leave(id, with: answer) }.resume(with: answer)
  }

  private func expire(_ id: WaitLine<Answer>.ID) {
    let (answer, departure) = self.state.withLock { state in
      let answer = Answer.timedOut(place: state.line.countAhead(of: id) + 1)
      return (answer, state.line.leave(id, with: answer))
    }
    departure.resume(with: answer)
  }

  private static func grant(_ state: inout State) -> UInt64 {
    state.current = self.grants.wrappingAdd(1, ordering: .relaxed).newValue
    return state.current
  }

  private func lease(_ grant: UInt64) -> Lease {
    Lease(driver: self, grant: grant, token: FencingToken(major: grant))
  }

  private func timedOut(since start: ContinuousClock.Instant, place: Int) -> LockError {
    .timedOut(self.name, LockError.Wait(place: place, waited: ContinuousClock.now - start))
  }

  // MARK: LeaseDriver

  func deadline(of grant: UInt64) -> ContinuousClock.Instant? { nil }

  func isHeld(_ grant: UInt64) -> Bool {
    self.state.withLock { $0.current == grant }
  }

  func isReleased(_ grant: UInt64) -> Bool { !self.isHeld(grant) }

  func onEnding(of grant: UInt64, _ handler: @escaping @Sendable (LeaseEnding) -> Void) -> UInt64? {
    let id = self.state.withLock { state -> UInt64? in
      guard state.current == grant else { return nil }
      defer { state.nextHandler += 1 }
      state.endingHandlers[state.nextHandler] = handler
      return state.nextHandler
    }
    if id == nil { handler(.released) }
    return id
  }

  func removeEndingHandler(_ id: UInt64, of grant: UInt64) {
    self.state.withLock { state in _ = state.endingHandlers.removeValue(forKey: id) }
  }

  func extend(_ grant: UInt64) async throws(LockError) {
    throw LockError(
      .notSupported,
      name: self.name,
      message: "an in-process lock has no deadline to extend; it is held until it is released"
    )
  }

  func release(_ grant: UInt64) async throws(LockError) {
    self.abandon(grant)
  }

  @usableFromInline
  func abandon(_ grant: UInt64) {
    let isDone = self.state.withLock { state -> Bool in
      precondition(state.current == grant, "a lease that does not stand was released")
      guard state.line.isEmpty, state.endingHandlers.isEmpty else { return false }
      state.current = 0
      return true
    }
    if !isDone { self.handOver() }
  }

  /// Ends the present grant and gives the slot to the first in line. Kept out of `abandon`, which most often finds nobody.
  @inline(never)
  private func handOver() {
    let (handlers, answer, departure) = self.state.withLock { state in
      let handlers = Array(state.endingHandlers.values)
      state.endingHandlers = [:]
      state.current = 0
      guard let head = state.line.head else {
        return (handlers, Answer.cancelled, WaitLine<Answer>.Departure.alreadyGone)
      }
      let answer = Answer.granted(Self.grant(&state))
      return (handlers, answer, state.line.leave(head, with: answer))
    }
    for handler in handlers { handler(.released) }
    departure.resume(with: answer)
  }
}

internal import LatchkeyPrimitives
internal import Synchronization

/// One in-process lock: a slot that is free or taken, and the line of those who wait.
///
/// It is also the driver of all its leases, so that an uncontended grant allocates nothing and takes one atomic operation, and
/// its release another. Whoever finds the slot taken joins the line and marks the slot as contended in one step, and a release
/// hands a contended slot straight to the first in line: the slot is never free while somebody waits, so nobody can overtake.
@usableFromInline
final class LocalLockCore: LocalLeaseDriver, WaitRoom {
  static let kind = "mutex"

  enum Answer: Sendable {
    case granted(UInt64)
    /// With the number of contenders that stood before, the holder included.
    case timedOut(place: Int)
    case cancelled
  }

  /// The slot: the number of the last grant, whether it stands, and whether its release concerns anybody else. A contended slot
  /// is taken, and changes only under the lock of `state`.
  private struct Slot {
    static let taken: UInt64 = 1
    static let contended: UInt64 = 2

    var bits: UInt64

    var isTaken: Bool { self.bits & Self.taken != 0 }
    var isContended: Bool { self.bits & Self.contended != 0 }
    var number: UInt64 { self.bits >> 2 }
    var granted: Slot { Slot(bits: (self.number + 1) << 2 | Self.taken) }
    var freed: Slot { Slot(bits: self.number << 2) }
    var marked: Slot { Slot(bits: self.bits | Self.contended) }
  }

  private struct State {
    var line = WaitLine<Answer>()
    var endingHandlers = HandlerTable<@Sendable (LeaseEnding) -> Void>()
  }

  /// Added to the slot's numbers.
  private let base: UInt64
  private let slot = Atomic<UInt64>(0)
  private let observer: LockObserver
  /// Whether anybody listened when that was looked at last, which costs as much as a grant: at the beginning, and at every
  /// 256th grant.
  private let isObserved: Atomic<Bool>
  let name: LockName
  let backend: LockBackend
  private let state = Locked(State())

  init(name: LockName, instance: String, observability: LockObservability) {
    self.name = name
    self.observer = LockObserver(observability, kind: Self.kind)
    self.isObserved = Atomic(self.observer.isActive)
    self.backend = LockBackend(kind: Self.kind, instance: instance)
    self.base = LocalLocks.firstNumber()
  }

  /// Whether a call must be measured, and so takes the way round.
  @inline(__always)
  private var isMeasured: Bool { self.isObserved.load(ordering: .relaxed) }

  func tryAcquire() -> Lease? {
    if self.isMeasured { return self.tryAcquireMeasured() }
    let grant = self.tryGrant()
    return grant == 0 ? nil : self.lease(grant)
  }

  @inline(never)
  private func tryAcquireMeasured() -> Lease? {
    self.observer.tryAtOnce(self.name) { self.tryLease() }
  }

  private func tryLease() -> Lease? {
    let grant = self.tryGrant()
    return grant == 0 ? nil : self.lease(grant)
  }

  /// - Returns: The number of the grant, or 0 if the lock is held.
  private func tryGrant() -> UInt64 {
    var slot = Slot(bits: self.slot.load(ordering: .relaxed))
    while !slot.isTaken {
      let granted = slot.granted
      let (isDone, found) = self.slot.compareExchange(expected: slot.bits, desired: granted.bits, ordering: .acquiring)
      if isDone {
        self.look(atGrant: granted.number)
        return self.base + granted.number
      }
      slot = Slot(bits: found)
    }
    return 0
  }

  /// Looks again whether anybody listens, now and then.
  @inline(__always)
  private func look(atGrant number: UInt64) {
    if number % 256 == 0 { self.look() }
  }

  @inline(never)
  private func look() { self.isObserved.store(self.observer.isActive, ordering: .relaxed) }

  /// Marks a taken slot as contended; called under the lock of `state`.
  ///
  /// - Returns: The slot as it then is, or nil if it is free.
  private func contend() -> Slot? {
    var slot = Slot(bits: self.slot.load(ordering: .relaxed))
    while slot.isTaken, !slot.isContended {
      let (isDone, found) = self.slot.compareExchange(
        expected: slot.bits,
        desired: slot.marked.bits,
        ordering: .relaxed
      )
      if isDone { return slot.marked }
      slot = Slot(bits: found)
    }
    return slot.isTaken ? slot : nil
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
  /// - Returns: Nil if somebody holds the lock, the task was cancelled, or somebody listens and a lease is what is observed.
  @usableFromInline
  func enter() throws(LockError) -> Entry? {
    let current = HoldMarker.currentTask
    let enclosing = HoldMarker.current
    if let enclosing { try enclosing.check(self.name, self.backend, task: current.identity) }
    let isSlow = current.isCancelled || self.isMeasured
    let grant = isSlow ? 0 : self.tryGrant()
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
    do throws(LockError) {
      return try await self.acquire(within: timeout)
    } catch {
      throw error.outsideThisPackage
    }
  }

  @inline(__always)
  func acquire(within timeout: Duration?) async throws(LockError) -> Lease {
    // What need not wait is done before the first suspension point.
    if !self.isMeasured {
      if Task.isCancelled { throw .cancelled(self.name) }
      if let lease = self.tryLease() { return lease }
    }
    return try await self.acquireSlowly(within: timeout)
  }

  @inline(never)
  private func acquireSlowly(within timeout: Duration?) async throws(LockError) -> Lease {
    guard self.isMeasured else { return try await self.wait(within: timeout) }
    return try await self.observer.acquire(self.name, within: timeout) { () async throws(LockError) in
      if Task.isCancelled { throw .cancelled(self.name) }
      if let lease = self.tryLease() { return lease }
      return try await self.wait(within: timeout)
    }
  }

  private func wait(within timeout: Duration?) async throws(LockError) -> Lease {
    let start = ContinuousClock.now
    if let timeout, timeout <= .zero {
      throw .timedOut(self.name, inProcessSince: start, place: self.state.withLock { $0.line.count } + 1)
    }
    enum Entry {
      case granted(UInt64)
      case joined(WaitLine<Answer>.ID)
    }
    let entry = self.state.withLock { state -> Entry in
      while self.contend() == nil {
        let grant = self.tryGrant()
        if grant != 0 { return .granted(grant) }
      }
      return .joined(state.line.join())
    }
    let id: WaitLine<Answer>.ID
    switch entry {
    case .granted(let grant): return self.lease(grant)
    case .joined(let joined): id = joined
    }
    let answer = await self.wait(
      at: id,
      until: timeout.map { start.advanced(by: $0) },
      late: { .timedOut(place: $0 + 1) },
      cancelled: .cancelled
    )
    switch answer {
    case .granted(let grant):
      self.look(atGrant: grant - self.base)
      return try await self.lease(grant).unlessCancelled()
    case .timedOut(let place): throw .timedOut(self.name, inProcessSince: start, place: place)
    case .cancelled: throw .cancelled(self.name)
    }
  }

  func withLine<R: Sendable>(_ body: (inout WaitLine<Answer>) -> R) -> R {
    self.state.withLock { body(&$0.line) }
  }

  private func lease(_ grant: UInt64) -> Lease {
    Lease(driver: self, grant: grant, token: FencingToken(major: grant))
  }

  // MARK: LeaseDriver

  func isHeld(_ grant: UInt64) -> Bool {
    let slot = Slot(bits: self.slot.load(ordering: .acquiring))
    return slot.isTaken && self.base + slot.number == grant
  }

  func onEnding(of grant: UInt64, _ handler: @escaping @Sendable (LeaseEnding) -> Void) -> UInt64? {
    let id = self.state.withLock { state -> UInt64? in
      guard let slot = self.contend(), self.base + slot.number == grant else { return nil }
      return state.endingHandlers.add(handler)
    }
    if id == nil { handler(.released) }
    return id
  }

  func removeEndingHandler(_ id: UInt64, of grant: UInt64) {
    self.state.withLock { state in _ = state.endingHandlers.remove(id) }
  }

  @usableFromInline
  func abandon(_ grant: UInt64) {
    let slot = Slot(bits: (grant - self.base) << 2 | Slot.taken)
    let (isDone, _) = self.slot.compareExchange(expected: slot.bits, desired: slot.freed.bits, ordering: .releasing)
    if !isDone { self.handOver(slot) }
  }

  /// Ends the present grant and gives the slot to the first in line. Kept out of `abandon`, which most often finds nobody.
  @inline(never)
  private func handOver(_ slot: Slot) {
    let (handlers, answer, departure) = self.state.withLock { state in
      precondition(
        self.slot.load(ordering: .relaxed) == slot.marked.bits,
        "a lease that does not stand was released"
      )
      let handlers = state.endingHandlers.removeAll()
      guard let head = state.line.head else {
        self.slot.store(slot.freed.bits, ordering: .releasing)
        return (handlers, Answer.cancelled, WaitLine<Answer>.Departure.alreadyGone)
      }
      let answer = Answer.granted(self.base + slot.granted.number)
      let departure = state.line.leave(head, with: answer)
      let next = state.line.isEmpty ? slot.granted : slot.granted.marked
      self.slot.store(next.bits, ordering: .releasing)
      return (handlers, answer, departure)
    }
    for handler in handlers { handler(.released) }
    departure.resume(with: answer)
  }
}

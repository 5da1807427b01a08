import Latchkey
import LatchkeyPrimitives
import LatchkeyTesting

/// What the simulated client does for one grant.
final class SimulatedLease: LeaseDriver {
  private struct State: Sendable {
    var ending: LeaseEnding?
    var handlers: [UInt64: @Sendable (LeaseEnding) -> Void] = [:]
    var nextHandler: UInt64 = 1
    var termHandler: UInt64?
    var isReleased = false
  }

  let name: LockName
  let backend: LockBackend
  let request: UInt64
  let want: SimulatedWant
  let term: Term
  private let client: SimulatedClient
  private let place: LeaseBox?
  private let state = Locked(State())

  init(_ lock: SimulatedLock, _ request: UInt64, _ term: Term, _ place: consuming Lease?) {
    self.name = lock.name
    self.backend = lock.backend
    self.request = request
    self.want = lock.want
    self.client = lock.client
    self.term = term
    if let place = place.take() { self.place = LeaseBox(place) } else { self.place = nil }
    self.client.add(self)
    let isLate = self.mutation == .isHeldFollowsTimer
    let handler = term.onEnd { [name, weak self] end in
      let loss = LeaseEnding.lost(.lost(name, because: end.reason))
      guard isLate else { self?.end(loss); return }
      // By so much that whoever looks once in a while sees it, even on a machine that is busy.
      Task {
        try await Task.sleep(for: .milliseconds(200))
        self?.end(loss)
      }
    }
    self.state.withLock { $0.termHandler = handler }
  }

  private var mutation: Mutation? { self.client.mutation }

  func permits(of grant: UInt64) -> Int { self.want.permits }

  func deadline(of grant: UInt64) -> ContinuousClock.Instant? { self.term.deadline }

  func isHeld(_ grant: UInt64) -> Bool {
    let ending = self.state.withLock { $0.ending }
    switch (self.mutation, ending) {
    case (.isHeldAfterRelease, .released?): return self.term.isLive
    case (.isHeldByName, .released?): return self.client.holds(self.name) && self.term.isLive
    case (.isHeldFollowsTimer, _): return ending == nil
    case (.isHeldRevives, .lost?): return self.client.latestDeadline > .now
    case (_, nil): return self.term.isLive
    default: return false
    }
  }

  func isReleased(_ grant: UInt64) -> Bool { self.state.withLock { $0.isReleased } }

  func onEnding(of grant: UInt64, _ handler: @escaping @Sendable (LeaseEnding) -> Void) -> UInt64? {
    let (ending, id) = self.state.withLock { state -> (LeaseEnding?, UInt64?) in
      let ending = self.mutation == .endingToldAtOnce ? state.ending ?? .released : state.ending
      guard ending == nil else { return (ending, nil) }
      defer { state.nextHandler += 1 }
      state.handlers[state.nextHandler] = handler
      return (nil, state.nextHandler)
    }
    if let ending { handler(ending) }
    return id
  }

  func removeEndingHandler(_ id: UInt64, of grant: UInt64) {
    self.state.withLock { state in _ = state.handlers.removeValue(forKey: id) }
  }

  func extend(_ grant: UInt64) async throws(LockError) {
    if self.mutation == .endedViewFreesAnyone { _ = self.client.server.leaveAnyone(self.name) }
    guard self.isHeld(grant) else { throw .lost(self.name, because: "it has ended") }
  }

  func release(_ grant: UInt64) async throws(LockError) -> PendingRelease? {
    self.state.withLock { $0.isReleased = true }
    if self.mutation == .releaseIsCancelled, Task.isCancelled { return nil }
    let isLost = !self.term.isLive || self.state.withLock { if case .lost? = $0.ending { true } else { false } }
    self.end(self.mutation == .releaseToldAsLoss ? .lost(.lost(self.name, because: "released")) : .released)
    self.tellRest()
    self.client.remove(self)
    if let handler = self.state.withLock({ $0.termHandler }) { self.term.removeHandler(handler) }
    if isLost, self.mutation == .lateReleaseFreesAnyone { _ = self.client.server.leaveAnyone(self.name) }
    var wasThere = true
    if self.mutation != .releaseDoesNothing {
      let keepTrying = self.mutation != .offlineReleaseIsForgotten
      wasThere = await self.client.leave(self.name, self.request, keepTrying: keepTrying)
    }
    // The place in the client's line is never lost: nobody else can have it.
    try await self.place?.release()
    if isLost, self.mutation != .lateReleaseIsSilent { throw .lost(self.name, because: "its session ended") }
    if !isLost, !wasThere, self.mutation != .releaseOfNothingIsSilent {
      throw .lost(self.name, because: "its node was gone when it was released")
    }
    return nil
  }

  /// Ends the lease whose node was turned into that of another.
  func convert() {
    self.state.withLock { $0.isReleased = true }
    self.end(.released)
    self.client.remove(self)
    if let handler = self.state.withLock({ $0.termHandler }) { self.term.removeHandler(handler) }
  }

  func abandon(_ grant: UInt64) {
    guard self.mutation != .droppedLeaseIsKept else { return }
    Task { try? await self.release(grant) }
  }

  /// Ends the lease; only the first ending counts.
  func end(_ ending: LeaseEnding) {
    let isFirst = self.state.withLock { state in
      defer { if state.ending == nil { state.ending = ending } }
      return state.ending == nil
    }
    if case .lost = ending, self.mutation == .lossNeverTold { return }
    if isFirst { self.tellRest() }
  }

  /// Tells how the lease ended to all who have not been told: once it is given back, or its client closed, nobody waits for ever,
  /// not even for what a mutant keeps to itself.
  func tellRest() {
    let (ending, handlers) = self.state.withLock { state in
      defer { state.handlers = [:] }
      return (state.ending, Array(state.handlers.values))
    }
    guard let ending else { return }
    for handler in handlers { handler(ending) }
  }
}

import Latchkey
import LatchkeyPrimitives
import LatchkeyTesting

/// A lock at the simulated server.
struct SimulatedLock: FencedLock {
  let client: SimulatedClient
  let name: LockName
  var want = SimulatedWant.lock

  var backend: LockBackend {
    let identity =
      self.mutation == .backendIsNeverEqual
      ? UInt(UInt64.random(in: 1 ... .max)) : UInt(bitPattern: ObjectIdentifier(self.client.server).hashValue)
    let half = self.mutation == .halvesAreTwoLocks && self.want == .shared ? "reading" : "simulated"
    return LockBackend(kind: half, instance: String(identity))
  }

  private var mutation: Mutation? { self.client.mutation }

  /// A short pause that cancellation does not cut short.
  static func pause() async {
    await Task.detached { try? await Task.sleep(for: .milliseconds(2)) }.value
  }

  func tryAcquire() async throws(LockError) -> Lease? {
    let place: Lease?
    if self.want == .lock {
      place = try await self.client.lines.lock(self.name).tryAcquire()
      if place == nil { return self.mutation == .triesAreReentrant ? try await self.reenter() : nil }
    } else {
      place = nil
    }
    let request = Self.newRequest()
    do {
      guard let (session, term) = self.client.session else { throw SimulatedClient.Unreachable() }
      let reply = try await self.client.send(.acquire) {
        $0.enter(self.name, session, request, onlyIfFree: true, self.want)
      }
      if case .granted(let token) = reply, term.isLive { return self.lease(request, token, term, place) }
      await Self.giveBack(place)
      return nil
    } catch {
      await self.client.leave(self.name, request)
      await Self.giveBack(place)
      if self.mutation == .triesSayBusyWhenBroken { return nil }
      throw LockError(.unreachable, name: self.name, message: "the simulated server does not answer")
    }
  }

  func acquire(within timeout: Duration?) async throws(LockError) -> Lease {
    var wait = SimulatedWait(timeout, self.mutation)
    let place: Lease?
    if self.want == .lock { place = try await self.enterLine(wait) } else { place = nil }
    var request = Self.newRequest()
    let onlyIfFree = timeout == .zero && self.mutation != .zeroWaits
    var firstSession: UInt64?
    while true {
      var isGranted = false
      if let (session, term) = self.client.session {
        firstSession = firstSession ?? session
        let isDead = self.mutation == .waiterDiesWithSession && session != firstSession
        do {
          let reply: SimulatedServer.Place =
            isDead
            ? .behind(1)
            : try await self.client.send(.acquire) { [request] in
              $0.enter(self.name, session, request, onlyIfFree: onlyIfFree, self.want)
            }
          self.client.note(reply, of: self.name)
          switch reply {
          case .granted(let token) where term.isLive:
            if !wait.isCancelled { return self.lease(request, token, term, place) }
            isGranted = true
          case .behind(let count): wait.noteAhead(count)
          case .granted, .noSession: break
          }
        } catch {
          if self.mutation == .retriesUnderNewName { request = Self.newRequest() }
        }
      }
      guard let error = wait.end(self.name, isTaken: self.client.knowsHolder(self.name)) else {
        await Self.pause()
        continue
      }
      if self.mustLeave(error, request, isGranted: isGranted) {
        await self.client.leave(self.name, request, keepTrying: self.mutation != .cancelledOfflineLeaveNodes)
      }
      await Self.giveBack(place)
      throw error
    }
  }

  /// Gives back a place in the client's line, if there was one to be taken.
  private static func giveBack(_ place: consuming Lease?) async {
    if let place = consume place { await place.releaseQuietly() }
  }

  private func mustLeave(_ error: LockError, _ request: UInt64, isGranted: Bool) -> Bool {
    switch self.mutation {
    case .cancelledLeaveNodes: return error.code != .cancelled
    case .timedOutLeaveNodes: return error.code != .timedOut
    case .crossedGrantIsDropped:
      guard let session = self.client.session?.id, !isGranted else { return false }
      if case .granted? = self.client.server.enter(self.name, session, request, onlyIfFree: false) { return false }
      return true
    default: return true
    }
  }

  /// Waits until no other caller of this client stands before this one.
  private func enterLine(_ wait: SimulatedWait) async throws(LockError) -> Lease {
    let line = self.client.lines.lock(self.name)
    self.client.server.countInLine(self.name, 1)
    defer { self.client.server.countInLine(self.name, -1) }
    while self.mutation == .lineIsShuffled || wait.isDeaf {
      if let place = try await line.tryAcquire() { return place }
      if let error = wait.end(self.name, isTaken: self.client.knowsHolder(self.name)) { throw error }
      for _ in 0..<Int.random(in: 1...3) { await Self.pause() }
    }
    do throws(LockError) {
      return try await line.acquire(within: wait.remaining)
    } catch {
      throw wait.translate(error, isTaken: self.client.knowsHolder(self.name))
    }
  }

  private func reenter() async throws(LockError) -> Lease? {
    guard let (session, term) = self.client.session else { return nil }
    let request = Self.newRequest()
    guard case .granted(let token)? = self.client.server.enter(self.name, session, request, onlyIfFree: true) else {
      return nil
    }
    return self.lease(request, token, term, nil)
  }

  private func lease(_ request: UInt64, _ token: UInt64, _ term: Term, _ place: consuming Lease?) -> Lease {
    let driver = SimulatedLease(self, request, term, place)
    return Lease(driver: driver, grant: request, token: self.token(major: token))
  }

  func token(major: UInt64, minor: UInt64 = 0) -> FencingToken? {
    let isFenced = self.client.isFenced ? self.mutation != .noTokens : self.mutation == .inventsTokens
    return isFenced ? FencingToken(major: major, minor: minor) : nil
  }

  private static func newRequest() -> UInt64 { .random(in: 1 ... .max) }
}

/// The locks of a client, with a type of the caller's choice.
struct SimulatedLocks<Lock: DistributedLock>: LockProvider {
  let client: SimulatedClient
  let make: @Sendable (SimulatedLock) -> Lock

  func lock(_ name: LockName) -> Lock { self.make(SimulatedLock(client: self.client, name: name)) }
}

/// The same lock with a type that promises no tokens.
struct SimulatedUnfencedLock: DistributedLock {
  let lock: SimulatedLock

  var name: LockName { self.lock.name }
  var backend: LockBackend { self.lock.backend }

  func tryAcquire() async throws(LockError) -> Lease? { try await self.lock.tryAcquire() }

  func acquire(within timeout: Duration?) async throws(LockError) -> Lease {
    try await self.lock.acquire(within: timeout)
  }
}

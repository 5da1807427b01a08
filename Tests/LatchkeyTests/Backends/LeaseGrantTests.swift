import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import Logging
import Testing

@Suite("Leases of a lock of one's own")
struct LeaseGrantTests {
  private let name: LockName
  private let backend = LockBackend(kind: "own", instance: "test")
  private let releases = Shared<[Bool]>([])

  init() throws {
    self.name = "own"
  }

  private func grant(
    loss: LeaseGrant.Loss = .never,
    extend: (@Sendable () async throws(LockError) -> ContinuousClock.Instant)? = nil
  ) -> LeaseGrant {
    LeaseGrant(
      name: self.name,
      backend: self.backend,
      token: FencingToken(major: 7),
      loss: loss,
      extend: extend,
      release: { [releases] in
        let isCancelled = Task.isCancelled
        releases.change { $0.append(isCancelled) }
      }
    )
  }

  @Test("a lease tells what was granted, and is released once")
  func release() async throws {
    let grant = self.grant()
    let lease = Lease(grant)
    let held = lease.held
    #expect(held.name == self.name)
    #expect(held.backend == self.backend)
    #expect(held.token == FencingToken(major: 7))
    #expect(held.deadline == nil)
    #expect(held.isHeld && grant.isHeld)
    try await lease.release()
    #expect(!held.isHeld && !grant.isHeld)
    #expect(self.releases.value == [false])
    #expect(await held.lost == nil)
  }

  @Test("a lease that is dropped is released in the background")
  func dropped() async throws {
    _ = Lease(self.grant())
    #expect(try await eventually { self.releases.value.count == 1 })
  }

  @Test("a release is not reached by the cancellation of whoever releases")
  func cancelledRelease() async throws {
    let grant = self.grant()
    let task = Task {
      let lease = Lease(grant)
      withUnsafeCurrentTask { $0?.cancel() }
      try await lease.release()
    }
    try await task.value
    #expect(self.releases.value == [false])
  }

  @Test("a deadline that nobody moves ends the lease: loss is told, and the release frees what is left")
  func deadline() async throws {
    let grant = self.grant(loss: .after(.milliseconds(20)))
    let lease = Lease(grant)
    let held = lease.held
    let loss = await held.lost
    #expect(loss?.code == .lockLost)
    #expect(!held.isHeld)
    #expect(!grant.renew(until: .now.advanced(by: .seconds(60))))
    #expect(!held.isHeld)
    #expect(self.releases.value == [])
    do throws(LockError) {
      try await lease.release()
      Issue.record("the release of a lost lease did not say so")
    } catch {
      #expect(error.code == .lockLost)
    }
    #expect(self.releases.value == [false])
  }

  @Test("a renewed lease stands until its new deadline")
  func renewal() async throws {
    let grant = self.grant(loss: .after(.milliseconds(50)))
    let lease = Lease(grant)
    let first = try #require(lease.held.deadline)
    let deadline = ContinuousClock.now.advanced(by: .seconds(60))
    #expect(grant.renew(until: deadline))
    #expect(grant.renew(until: .now))
    #expect(lease.held.deadline == deadline)
    try await Task.sleep(until: first.advanced(by: .milliseconds(20)), clock: .continuous)
    #expect(lease.held.isHeld)
    try await lease.release()
  }

  @Test("a backend that drops the lock ends the lease with its reason, and withLock cancels its body")
  func lose() async throws {
    let grant = self.grant(loss: .after(.seconds(60)))
    let lock = GrantedLock(name: self.name, backend: self.backend, grant: grant)
    let error = await #expect(throws: LockError.self) {
      try await lock.withLock { _ in
        grant.lose(because: "its row was deleted")
        try await Task.sleep(for: .seconds(60))
      }
    }
    #expect(error?.code == .lockLost)
    #expect(error?.message.contains("its row was deleted") == true)
    #expect(self.releases.value == [false])
  }

  @Test("a backend that drops a lock without a deadline is heard as well: withLock cancels its body")
  func loseWithoutDeadline() async throws {
    let grant = self.grant(loss: .byBackend)
    let lock = GrantedLock(name: self.name, backend: self.backend, grant: grant)
    let error = await #expect(throws: LockError.self) {
      try await lock.withLock { held in
        #expect(held.deadline == nil)
        grant.lose(because: "the database session has ended")
        try await Task.sleep(for: .seconds(60))
      }
    }
    #expect(error?.code == .lockLost)
    #expect(error?.message.contains("the database session has ended") == true)
    #expect(self.releases.value == [false])
  }

  @Test("a release that finds its lock gone is told as a loss, by release and by withLock, with the backend's words")
  func goneAtRelease() async throws {
    let name = self.name
    let gone = LockError.lost(name, because: "its row was not there any more")
    let grants = (0..<2).map { _ in
      LeaseGrant(
        name: name,
        backend: self.backend,
        loss: .byBackend,
        logger: Logger.quiet,
        release: { () throws(LockError) in throw gone }
      )
    }
    let lease = Lease(grants[0])
    do throws(LockError) {
      try await lease.release()
      Issue.record("the release did not say that it found nothing")
    } catch {
      #expect(error.message == gone.message)
    }
    let lock = GrantedLock(name: name, backend: self.backend, grant: grants[1])
    let error = await #expect(throws: LockError.self) { try await lock.withLock { _ in 7 } }
    #expect(error?.message == gone.message)
  }

  @Test("a loss is told by the grant's own alarm, with nobody asking")
  func alarm() async throws {
    let grant = self.grant(loss: .after(.milliseconds(20)))
    let lease = Lease(grant)
    let told = Shared(false)
    _ = lease.held.onEnding { _ in told.change { $0 = true } }
    #expect(try await eventually { told.value })
    try? await lease.release()
  }

  @Test("a body runs in place under a grant that nothing can end, and can be told of a loss under every other")
  func inPlace() async throws {
    for (loss, isInPlace) in [(LeaseGrant.Loss.never, true), (.byBackend, false), (.after(.seconds(60)), false)] {
      let grant = self.grant(loss: loss)
      let lock = GrantedLock(name: self.name, backend: self.backend, grant: grant)
      let caller = Self.currentTask
      try await lock.withLock { _ in #expect((Self.currentTask == caller) == isInPlace) }
    }
  }

  private static var currentTask: Int? { withUnsafeCurrentTask { $0?.hashValue } }

  @Test("extending asks the backend, and is not supported where it cannot be asked")
  func extend() async throws {
    let deadline = ContinuousClock.now.advanced(by: .seconds(90))
    let lease = Lease(self.grant(loss: .after(.seconds(60)), extend: { () throws(LockError) in deadline }))
    try await lease.held.extend()
    #expect(lease.held.deadline == deadline)
    try await lease.release()
    let plain = Lease(self.grant())
    let held = plain.held
    let error = await #expect(throws: LockError.self) { try await held.extend() }
    #expect(error?.code == .notSupported)
    try await plain.release()
  }
}

extension LeaseGrant.Loss {
  fileprivate static func after(_ time: Duration) -> LeaseGrant.Loss { .atDeadline(.now.advanced(by: time)) }
}

/// A lock that is granted once, to the first who asks.
private struct GrantedLock: DistributedLock {
  let name: LockName
  let backend: LockBackend
  let grant: LeaseGrant

  func tryAcquire() async throws(LockError) -> Lease? { Lease(self.grant) }
  func acquire(within timeout: Duration?) async throws(LockError) -> Lease { Lease(self.grant) }
}

import Latchkey
import LatchkeyTesting
import Testing

@Suite("Leases of a lock of one's own")
struct LeaseGrantTests {
  private let name: LockName
  private let backend = LockBackend(kind: "own", instance: "test")
  private let releases = Shared<[Bool]>([])

  init() throws {
    self.name = try LockName("own")
  }

  private func grant(
    deadline: Duration? = nil,
    extend: (@Sendable () async throws(LockError) -> ContinuousClock.Instant)? = nil
  ) -> LeaseGrant {
    LeaseGrant(
      name: self.name,
      backend: self.backend,
      token: FencingToken(major: 7),
      deadline: deadline.map { .now.advanced(by: $0) },
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
    let grant = self.grant(deadline: .milliseconds(20))
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
    let grant = self.grant(deadline: .milliseconds(50))
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
    let grant = self.grant(deadline: .seconds(60))
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

  @Test("extending asks the backend, and is not supported where it cannot be asked")
  func extend() async throws {
    let deadline = ContinuousClock.now.advanced(by: .seconds(90))
    let lease = Lease(self.grant(deadline: .seconds(60), extend: { () throws(LockError) in deadline }))
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

/// A lock that is granted once, to the first who asks.
private struct GrantedLock: DistributedLock {
  let name: LockName
  let backend: LockBackend
  let grant: LeaseGrant

  func tryAcquire() async throws(LockError) -> Lease? { Lease(self.grant) }
  func acquire(within timeout: Duration?) async throws(LockError) -> Lease { Lease(self.grant) }
}

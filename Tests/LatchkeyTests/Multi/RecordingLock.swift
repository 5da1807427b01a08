import Latchkey
import LatchkeyTestSupport

/// A lock that notes the budgets that it is given, then does what the test says.
struct RecordingLock: DistributedLock {
  let name: LockName
  let budgets = Shared<[Duration?]>([])
  /// What every call does before it goes on to the lock.
  let before: @Sendable () async throws(LockError) -> Void
  private let lock: LocalMutex

  init(_ name: LockName, before: @escaping @Sendable () async throws(LockError) -> Void = {}) {
    self.name = name
    self.before = before
    self.lock = LocalMutex(name)
  }

  var backend: LockBackend { self.lock.backend }

  func tryAcquire() async throws(LockError) -> Lease? { try await self.lock.tryAcquire() }

  func acquire(within timeout: Duration?) async throws(LockError) -> Lease {
    self.budgets.change { $0.append(timeout) }
    try await self.before()
    return try await self.lock.acquire(within: timeout)
  }
}

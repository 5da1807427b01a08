import Latchkey

/// A half of a read-write lock that has its name and backend from a plain lock, as at servers that keep both in one place.
struct HalfLock: ReadWriteHalf {
  let lock: LocalMutex
  let isShared: Bool

  var name: LockName { self.lock.name }
  var backend: LockBackend { self.lock.backend }

  func tryAcquire() async throws(LockError) -> Lease? { try await self.lock.tryAcquire() }

  func acquire(within timeout: Duration?) async throws(LockError) -> Lease {
    try await self.lock.acquire(within: timeout)
  }
}

internal import Latchkey

/// What a subject's clients have, by kind.
struct ClientLocks<Client: Sendable>: Sendable {
  let lock: @Sendable (Client, LockName) -> any DistributedLock
  var readWriteLock: (@Sendable (Client, LockName) -> any DistributedReadWriteLock)?
  var semaphore: (@Sendable (Client, LockName, LockSubject.Limit) -> any DistributedSemaphore)?

  init(lock: @escaping @Sendable (Client, LockName) -> any DistributedLock) {
    self.lock = lock
  }
}

/// A subject's client, with its type and its faults put away.
struct TestClient: Sendable {
  let lock: @Sendable (LockName) -> any DistributedLock
  private let makeReadWriteLock: (@Sendable (LockName) -> any DistributedReadWriteLock)?
  private let makeSemaphore: (@Sendable (LockName, LockSubject.Limit) -> any DistributedSemaphore)?
  let close: @Sendable () async throws -> Void
  let expireSession: @Sendable () async throws -> Void
  let cutOff: @Sendable () async throws -> Void
  let heal: @Sendable () async throws -> Void
  let dropNextReply: @Sendable (LockReply) async throws -> Void

  init<Client: Sendable>(
    _ client: Client,
    _ locks: ClientLocks<Client>,
    _ faults: LockFaults<Client>,
    close: @escaping @Sendable (Client) async throws -> Void
  ) {
    // A check that calls a hook says so in its needs, and does not run where the hook is missing.
    self.lock = { locks.lock(client, $0) }
    self.makeReadWriteLock = locks.readWriteLock.map { make in { @Sendable name in make(client, name) } }
    self.makeSemaphore = locks.semaphore.map { make in { @Sendable name, limit in make(client, name, limit) } }
    self.close = { try await close(client) }
    self.expireSession = { try await faults.expireSession?(client) }
    self.cutOff = { try await faults.cutOff?(client) }
    self.heal = { try await faults.heal?(client) }
    self.dropNextReply = { try await faults.dropNextReply?(client, $0) }
  }

  func readWriteLock(_ name: LockName) throws -> any DistributedReadWriteLock {
    guard let makeReadWriteLock else { throw Unmet(expected: "a read-write lock", seen: "another kind of subject") }
    return makeReadWriteLock(name)
  }

  func semaphore(_ name: LockName, _ limit: LockSubject.Limit) throws -> any DistributedSemaphore {
    guard let makeSemaphore else { throw Unmet(expected: "a semaphore", seen: "another kind of subject") }
    return makeSemaphore(name, limit)
  }
}

/// Some permits of a semaphore, as contenders take them.
struct PermitLock: DistributedLock {
  let semaphore: any DistributedSemaphore
  let permits: Int

  var name: LockName { self.semaphore.name }
  var backend: LockBackend { self.semaphore.backend }

  func tryAcquire() async throws(LockError) -> Lease? { try await self.semaphore.tryAcquire(self.permits) }

  func acquire(within timeout: Duration?) async throws(LockError) -> Lease {
    try await self.semaphore.acquire(self.permits, within: timeout)
  }
}

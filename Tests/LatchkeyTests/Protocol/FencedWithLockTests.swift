import Latchkey
import LatchkeyPrimitives
import LatchkeyTesting
import Testing

@Suite("withLock with a fencing token", .timeLimit(.minutes(1)))
struct FencedWithLockTests {
  /// An actor whose state bodies change without leaving it.
  private actor Account {
    private(set) var tokens: [FencingToken] = []

    func add(under lock: any FencedLock) async throws {
      try await lock.withLock { held, token in
        #expect(held.isHeld)
        await Task.yield()
        self.tokens.append(token)
      }
    }

    func add(under mutex: LocalMutex) async throws {
      try await mutex.withLock { _, token in
        await Task.yield()
        self.tokens.append(token)
      }
    }
  }

  /// Says that it has tokens and gives none.
  private final class Tokenless: FencedLock {
    let name: LockName = "tokenless"
    let backend = LockBackend(kind: "tokenless", instance: "test")
    let releases = Locked(0)

    func tryAcquire() async throws(LockError) -> Lease? { self.lease() }
    func acquire(within timeout: Duration?) async throws(LockError) -> Lease { self.lease() }

    private func lease() -> Lease {
      let release = { @Sendable in self.releases.withLock { $0 += 1 } }
      return Lease(LeaseGrant(name: self.name, backend: self.backend, loss: .never, release: release))
    }
  }

  @Test("the token is that of the grant, and grows")
  func token() async throws {
    let locks = LocalLocks()
    let client = SimulatedClient(SimulatedServer(nil), isFenced: true)
    let simulated = SimulatedLock(client: client, name: "a")
    for lock in [locks.lock("a"), locks.channel("a"), simulated] as [any FencedLock] {
      let first = try await lock.withLock { held, token in
        #expect(held.token == token)
        return token
      }
      let second = try await lock.withLockIfAvailable { held, token in
        #expect(held.token == token)
        return token
      }
      #expect(try first < #require(second))
    }
    await client.close()
  }

  @Test("a body with one parameter, named or not, and one with two are told apart")
  func shapes() async throws {
    let mutex: LocalMutex = LocalLocks().lock("a")
    let channel: ChannelTryLock = LocalLocks().channel("a")
    let any: any FencedLock = mutex
    #expect(try await mutex.withLock { _ in 1 } == 1)
    #expect(try await mutex.withLock { held in held.isHeld })
    #expect(try await mutex.withLock { $0.isHeld })
    #expect(try await mutex.withLock { _, _ in 2 } == 2)
    #expect(try await mutex.withLock { held, token in held.token == token })
    #expect(try await mutex.withLock { $0.token == $1 })
    #expect(try await mutex.withLockIfAvailable { _ in 1 } == 1)
    #expect(try await mutex.withLockIfAvailable { _, _ in 2 } == 2)
    #expect(try await channel.withLock { _ in 1 } == 1)
    #expect(try await channel.withLock { held, token in held.token == token })
    #expect(try await any.withLock { held in held.isHeld })
    #expect(try await any.withLock { _, _ in 2 } == 2)
    #expect(try await any.withLock(within: .seconds(1)) { held, token in held.token == token })
    #expect(try await any.withLockIfAvailable { _, _ in 2 } == 2)
  }

  @Test("the body stays on the caller's actor")
  func isolation() async throws {
    let account = Account()
    let mutex = LocalMutex("a")
    let channel = ChannelTryLock("b")
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<20 {
        group.addTask { try await account.add(under: mutex) }
        group.addTask { try await account.add(under: mutex as any FencedLock) }
        group.addTask { try await account.add(under: channel) }
      }
      try await group.waitForAll()
    }
    #expect(await account.tokens.count == 60)
  }

  @Test("a lock that somebody holds is nil, or a time-out")
  func busy() async throws {
    let mutex = LocalMutex("a")
    let lease = try await mutex.acquire()
    #expect(try await mutex.withLockIfAvailable { _, token in token } == nil)
    await #expect(throws: LockError.self) { try await mutex.withLock(within: .zero) { _, token in token } }
    try await lease.release()
  }

  @Test("a body that asks for the lock that it holds is refused")
  func reentrance() async throws {
    for lock in [LocalMutex("a"), ChannelTryLock("a")] as [any FencedLock] {
      let error = await #expect(throws: LockError.self) {
        try await lock.withLock { _, _ in try await lock.withLock { _, _ in } }
      }
      #expect(error?.code == .wouldDeadlock)
    }
  }

  @Test("without the token that the lock promises, the body is not run, and the lock is released")
  func brokenPromise() async throws {
    let lock = Tokenless()
    let error = await #expect(throws: LockError.self) {
      try await lock.withLock { _, _ in Issue.record("the body has no token to work with") }
    }
    #expect(error?.code == .backendFailure)
    #expect(error?.name == lock.name)
    await #expect(throws: LockError.self) {
      try await lock.withLockIfAvailable { _, _ in Issue.record("the body has no token to work with") }
    }
    #expect(lock.releases.withLock { $0 } == 2)
  }

  @Test("a provider's lock has its own type, and that of any provider is any lock")
  func providers() async throws {
    func token(of locks: some LockProvider<some FencedLock>) async throws -> FencingToken {
      try await locks.lock("a").withLock { _, token in token }
    }
    let locks = LocalLocks()
    let first = try await token(of: locks)
    let provider: any LockProvider = locks
    let lock = provider.lock("a")
    #expect(lock is LocalMutex)
    #expect(try await lock.withLock { held in held.token.map { $0 > first } } == true)
  }
}

import Latchkey
import LatchkeyTesting
import Testing

@Suite("Registry of in-process locks", .timeLimit(.minutes(1)))
struct LocalLocksTests {
  @Test("equal names give the same lock")
  func equalNames() async throws {
    let locks = LocalLocks()
    let lease = try await locks.lock("a").acquire()
    #expect(try await Self.isBusy(locks.lock("a")))
    #expect(locks.lock("a").backend == (locks as any LockProvider).lock("a").backend)
    try await lease.release()
    #expect(try await !Self.isBusy(locks.lock("a")))
  }

  @Test("the mutex and the channel of one name have nothing to do with one another")
  func kinds() async throws {
    let locks = LocalLocks()
    let lease = try await locks.lock("a").acquire()
    #expect(try await !Self.isBusy(locks.channel("a")))
    #expect(locks.lock("a").backend != locks.channel("a").backend)
    try await lease.release()
  }

  @Test("registries, and locks outside any registry, have nothing to do with one another")
  func registries() async throws {
    let locks = LocalLocks()
    let lease = try await locks.lock("a").acquire()
    #expect(try await !Self.isBusy(LocalLocks().lock("a")))
    #expect(try await !Self.isBusy(LocalMutex("a")))
    #expect(try await !Self.isBusy(ChannelTryLock("a")))
    #expect(LocalMutex("a").backend != LocalMutex("a").backend)
    try await lease.release()
  }

  @Test("copies of a lock are the same lock")
  func copies() async throws {
    let mutex = LocalMutex("a")
    let copy = mutex
    let lease = try await mutex.acquire()
    #expect(try await Self.isBusy(copy))
    try await lease.release()
  }

  @Test("a lock lives as long as a lease of it, even if nobody keeps the lock")
  func leaseKeepsLock() async throws {
    let locks = LocalLocks()
    let lease = try await locks.lock("a").acquire()
    for index in 0..<500 { _ = try await Self.isBusy(locks.lock(LockName("other/\(index)"))) }
    #expect(try await Self.isBusy(locks.lock("a")))
    try await lease.release()
  }

  @Test("names that nobody uses any more take no memory")
  func sweeping() async throws {
    let locks = LocalLocks()
    for index in 0..<10_000 { _ = try await Self.isBusy(locks.lock(LockName("name/\(index)"))) }
    #expect(locks.tableSize <= 64)
  }

  @Test("tokens grow even if the lock is forgotten in between")
  func tokensGrow() async throws {
    let locks = LocalLocks()
    var last = FencingToken(major: 0)
    for _ in 0..<100 {
      let token = try await #require(locks.lock("a").withLock { $0.token })
      #expect(token > last)
      last = token
    }
  }

  private static func isBusy(_ lock: any DistributedLock) async throws -> Bool {
    guard let lease = try await lock.tryAcquire() else { return true }
    try await lease.release()
    return false
  }
}

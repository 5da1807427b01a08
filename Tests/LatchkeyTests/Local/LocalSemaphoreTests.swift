import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@Suite("In-process semaphore", .timeLimit(.minutes(1)))
struct LocalSemaphoreTests {
  @Test("equal names of one registry give the same semaphore")
  func registry() async throws {
    let locks = LocalLocks()
    let lease = try await locks.semaphore("a", limit: .fixed(2)).acquire(2)
    #expect(locks.callers(ofSemaphore: "a") == 1)
    let busy = try await locks.semaphore("a", limit: .fixed(2)).withPermitIfAvailable { _ in true }
    #expect(busy == nil)
    let other = try await LocalLocks().semaphore("a", limit: .fixed(2)).withPermitIfAvailable { _ in true }
    #expect(other == true)
    try await lease.release()
    #expect(locks.callers(ofSemaphore: "a") == 0)
  }

  @Test(
    "one that is in use with another limit is refused, with both limits named",
    arguments: [
      (LocalSemaphore.Limit.fixed(2), LocalSemaphore.Limit.fixed(3)), (.fixed(2), .shared(seed: 2)),
      (.shared(seed: 2), .fixed(2)),
    ]
  )
  func otherLimit(_ first: LocalSemaphore.Limit, _ second: LocalSemaphore.Limit) async throws {
    let locks = LocalLocks()
    let lease = try await locks.semaphore("a", limit: first).acquire()
    let error = await #expect(throws: LockError.self) {
      try await locks.semaphore("a", limit: second).acquire().release()
    }
    #expect(error?.code == .invalidConfiguration)
    #expect(error?.message.contains("\(second)") == true)
    try await lease.release()
    try await locks.semaphore("a", limit: second).acquire(within: .zero).release()
  }

  @Test(
    "a limit that nobody can mean is refused",
    arguments: [LocalSemaphore.Limit.fixed(0), .fixed(-1), .shared(seed: -1)]
  )
  func senselessLimit(_ limit: LocalSemaphore.Limit) async throws {
    let error = await #expect(throws: LockError.self) {
      try await LocalSemaphore("a", limit: limit).acquire(within: .zero).release()
    }
    #expect(error?.code == .invalidConfiguration)
    #expect(error?.message.contains("limit") == true)
  }

  @Test("the limit of one that is in use is set only by those who made it with a shared limit")
  func setByOthers() async throws {
    let locks = LocalLocks()
    let lease = try await locks.semaphore("a", limit: .shared(seed: 2)).acquire()
    let other = locks.semaphore("a", limit: .fixed(5))
    await #expect { try await other.setLimit(9) } throws: { LockError.Code.notSupported ~= $0 }
    let beyond = try await locks.semaphore("a", limit: .shared(seed: 2)).withPermitsIfAvailable(2) { _ in true }
    #expect(beyond == nil)
    try await lease.release()
  }

  @Test("of a shared limit the first seed counts, until it is set, as long as the semaphore is in use")
  func seed() async throws {
    let locks = LocalLocks()
    let lease = try await locks.semaphore("a", limit: .shared(seed: 1)).acquire()
    let again = locks.semaphore("a", limit: .shared(seed: 5))
    let refused = try await again.withPermitIfAvailable { _ in true }
    #expect(refused == nil)
    try await again.setLimit(3)
    try await again.withPermits(2) { _ in }
    try await lease.release()
  }

  @Test("what is beyond a shared limit waits until the limit is raised, and holds up nobody")
  func beyondLimit() async throws {
    let pool = LocalSemaphore("a", limit: .shared(seed: 1))
    let large = Task.immediate { try await pool.acquire(3).release() }
    let larger = Task.immediate { try await pool.acquire(4).release() }
    for _ in 0..<3 { try await pool.withPermit(within: .zero) { _ in } }
    try await pool.setLimit(3)
    try await large.value
    larger.cancel()
    await #expect(throws: LockError.self) { try await larger.value }
    try await pool.withPermits(3, within: .zero) { _ in }
  }

  @Test("a wait for permits that times out says so, with who stood before it")
  func place() async throws {
    let pool = LocalSemaphore("a", limit: .fixed(2))
    let leases = [LeaseBox(try await pool.acquire()), LeaseBox(try await pool.acquire())]
    let waiter = Task.immediate { try await pool.acquire().release() }
    let error = await #expect(throws: LockError.self) { try await pool.acquire(2, within: .milliseconds(20)).release() }
    #expect(error?.code == .timedOut)
    #expect(error?.wait?.place == 3)
    for lease in leases { try await lease.release() }
    try await waiter.value
  }

  @Test("a cancelled wait of withPermits is a CancellationError, and its body does not run")
  func cancellation() async throws {
    let pool = LocalSemaphore("a", limit: .fixed(1))
    try await pool.withPermit { _ in
      let waiting = Task.immediate { try await pool.withPermit { _ in Issue.record("the body ran") } }
      waiting.cancel()
      await #expect(throws: CancellationError.self) { try await waiting.value }
    }
    try await pool.withPermit(within: .zero) { _ in }
  }

  @Test("a body with permits may take a lock of the same name at the same backend: permits exclude nobody from it")
  func lockOfSameName() async throws {
    let client = SimulatedClient(SimulatedServer(), isFenced: false)
    let pool = SimulatedSemaphore(client: client, name: "orders", limit: .fixed(1))
    let lock = SimulatedLock(client: client, name: "a")
    #expect(lock.backend == pool.backend)
    try await SimulatedSemaphore(client: client, name: "a", limit: .fixed(1)).withPermit { held in
      let error = await #expect(throws: LockError.self) {
        try await lock.withLock(within: .zero) { _ in }
      }
      // The simulated server keeps both in one queue; what counts is that the task is not taken for the lock's owner.
      #expect(error?.code == .timedOut)
      #expect(held.isHeld)
    }
    await client.close()
  }

  @Test("permits of all sizes that are granted, cancelled and timed out all at once never exceed the limit")
  func hammer() async throws {
    let pool = LocalSemaphore("a", limit: .shared(seed: 5))
    let inside = Shared((permits: 0, excesses: 0, grants: 0))
    await withTaskGroup(of: Void.self) { group in
      for worker in 0..<12 {
        group.addTask {
          for round in 0..<150 {
            let permits = 1 + (worker + round) % 5
            let task = Task {
              let lease = try await pool.acquire(permits, within: round % 3 == 0 ? .microseconds(200) : nil)
              inside.change { inside in
                inside.permits += permits
                inside.grants += 1
                if inside.permits > 5 { inside.excesses += 1 }
              }
              if round % 5 == 0 { await Task.yield() }
              inside.change { $0.permits -= permits }
              try await lease.release()
            }
            if (worker + round) % 4 == 0 { task.cancel() }
            _ = await task.result
          }
        }
      }
    }
    #expect(inside.value.excesses == 0)
    #expect(inside.value.grants > 0)
    try await pool.acquire(5, within: .zero).release()
  }
}

import Latchkey
import LatchkeyTesting
import Testing

/// The in-process locks have a `withLock` of their own, which the conformance suite does not see behind `any DistributedLock`.
@Suite("withLock of the in-process locks", .timeLimit(.minutes(1)))
struct LocalWithLockTests {
  struct Own: Error {}

  private actor Counter {
    let mutex: LocalMutex
    var count = 0

    init(_ mutex: LocalMutex) { self.mutex = mutex }

    func add() async throws {
      try await self.mutex.withLock { _ in
        let count = self.count
        await Task.yield()
        self.count = count + 1
      }
    }
  }

  @Test("the body's value and error come through, and the lock is released")
  func valueAndError() async throws {
    let mutex = LocalMutex("a")
    let channel = ChannelTryLock("b")
    #expect(try await mutex.withLock { _ in 1 } == 1)
    #expect(try await channel.withLock { _ in 2 } == 2)
    await #expect(throws: Own.self) { try await mutex.withLock { _ in throw Own() } }
    await #expect(throws: Own.self) { try await channel.withLock { _ in throw Own() } }
    try await mutex.acquire(within: .zero).release()
    try await channel.acquire(within: .zero).release()
  }

  @Test("the view is held in the body and not after it, and its token grows")
  func view() async throws {
    let mutex = LocalMutex("a")
    let first = try await mutex.withLock { held in
      #expect(held.isHeld)
      return held
    }
    let second = try await mutex.withLock { held in
      #expect(held.isHeld && !first.isHeld)
      return held
    }
    #expect(!second.isHeld)
    let (old, new) = (try #require(first.token), try #require(second.token))
    #expect(old < new)
    #expect(await second.lost == nil)
  }

  @Test("an actor's state is safe across a suspension in the body")
  func actorState() async throws {
    let counter = Counter(LocalMutex("a"))
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<100 { group.addTask { try await counter.add() } }
      try await group.waitForAll()
    }
    #expect(await counter.count == 100)
  }

  @Test("a held lock times out, a cancelled wait is a CancellationError, and the body runs in neither case")
  func waits() async throws {
    let mutex = LocalMutex("a")
    let lease = try await mutex.acquire()
    for budget in [Duration.zero, .milliseconds(20)] {
      let error = await #expect(throws: LockError.self) {
        try await mutex.withLock(within: budget) { _ in Self.mustNotRun() }
      }
      #expect(error?.code == .timedOut)
    }
    let waiting = Task.immediate { try await mutex.withLock { _ in Self.mustNotRun() } }
    waiting.cancel()
    await #expect(throws: CancellationError.self) { try await waiting.value }
    let cancelled = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      try await mutex.withLock { _ in Self.mustNotRun() }
    }
    await #expect(throws: CancellationError.self) { try await cancelled.value }
    try await lease.release()
    let early = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      try await mutex.withLock { _ in Self.mustNotRun() }
    }
    await #expect(throws: CancellationError.self) { try await early.value }
    try await mutex.acquire(within: .zero).release()
  }

  @Test("a waiter that comes while the body runs is served when the body ends")
  func handOver() async throws {
    let mutex = LocalMutex("a")
    let waiter = try await mutex.withLock { held in
      let waiter = Task.immediate { try await mutex.acquire().release() }
      let told = Task.immediate { await held.lost }
      await Task.yield()
      return (waiter, told)
    }
    try await waiter.0.value
    #expect(await waiter.1.value == nil)
    try await mutex.acquire(within: .zero).release()
  }

  @Test("withLock inside itself is refused, and the outer body goes on")
  func deadlock() async throws {
    let mutex = LocalMutex("a")
    try await mutex.withLock { held in
      let error = await #expect(throws: LockError.self) { try await mutex.withLock { _ in } }
      #expect(error?.code == .wouldDeadlock)
      #expect(held.isHeld)
    }
  }

  private static func mustNotRun() { Issue.record("the body ran") }
}

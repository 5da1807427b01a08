import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@Suite("Waiting for an in-process lock", .timeLimit(.minutes(2)))
struct LocalLockWaitTests {
  @Test("a wait that times out tells how many stood before it, and not those behind")
  func place() async throws {
    let mutex = LocalMutex("a")
    let lease = try await mutex.acquire()
    let before = Task.immediate { try await mutex.withLock { _ in } }
    let late = Task.immediate { () -> LockError? in await Self.error(of: mutex, within: .milliseconds(100)) }
    let behind = Task.immediate { try await mutex.withLock { _ in } }
    let error = await late.value
    #expect(error?.code == .timedOut)
    #expect(error?.wait?.place == 2)
    #expect(await Self.error(of: mutex, within: .zero)?.wait?.place == 3)
    try await lease.release()
    try await before.value
    try await behind.value
  }

  @Test("an in-process lease has no deadline, and cannot be extended")
  func noDeadline() async throws {
    let mutex = LocalMutex("a")
    let lease = try await mutex.acquire()
    let held = lease.held
    #expect(held.deadline == nil && held.remaining == nil)
    let error = await #expect(throws: LockError.self) { try await held.extend() }
    #expect(error?.code == .notSupported)
    try held.ensureHeld()
    try await lease.release()
    let late = #expect(throws: LockError.self) { try held.ensureHeld() }
    #expect(late?.code == .lockLost)
  }

  @Test("ten thousand waiters, a third of which are cancelled, leave the rest served in order")
  func manyWaiters() async throws {
    let mutex = LocalMutex("a")
    let lease = try await mutex.acquire()
    let served = Shared<[Int]>([])
    let tasks = (0..<10_000).map { index in
      Task.immediate {
        try await mutex.withLock { _ in served.change { $0.append(index) } }
      }
    }
    for index in stride(from: 1, to: 10_000, by: 3) { tasks[index].cancel() }
    try await lease.release()
    for (index, task) in tasks.enumerated() {
      let result = await task.result
      if index % 3 == 1 {
        #expect(throws: CancellationError.self) { try result.get() }
      } else {
        try result.get()
      }
    }
    #expect(served.value == (0..<10_000).filter { $0 % 3 != 1 })
    try await mutex.acquire(within: .zero).release()
  }

  @Test("waits that are granted, cancelled and timed out all at once lose no grant")
  func hammer() async throws {
    let mutex = LocalMutex("a")
    let counter = Shared((inside: 0, grants: 0, overlaps: 0))
    await withTaskGroup(of: Void.self) { group in
      for worker in 0..<16 {
        group.addTask {
          for round in 0..<200 {
            let task = Task {
              let lease = try await mutex.acquire(within: round % 3 == 0 ? .microseconds(100) : nil)
              counter.change { count in
                count.inside += 1
                count.grants += 1
                if count.inside > 1 { count.overlaps += 1 }
              }
              if round % 5 == 0 { await Task.yield() }
              counter.change { $0.inside -= 1 }
              try await lease.release()
            }
            if (worker + round) % 4 == 0 { task.cancel() }
            _ = await task.result
          }
        }
      }
    }
    let result = counter.value
    #expect(result.overlaps == 0)
    #expect(result.grants > 0)
    try await mutex.acquire(within: .zero).release()
  }

  private static func error(of lock: some DistributedLock, within timeout: Duration) async -> LockError? {
    do throws(LockError) {
      try await lock.acquire(within: timeout).release()
      return nil
    } catch {
      return error
    }
  }
}

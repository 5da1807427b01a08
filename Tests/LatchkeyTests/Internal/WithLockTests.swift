import Dispatch
import Latchkey
import LatchkeyPrimitives
import LatchkeyTesting
import Testing

@Suite("withLock on a lease with a deadline", .timeLimit(.minutes(1)))
struct WithLockTests {
  struct Own: Error {}

  @TaskLocal static var tag = "default"

  @Test("the lease is released once, and no handler is left, whichever way the body ends")
  func releasesOnce() async throws {
    let lock = try FakeLock()
    #expect(try await lock.withLock { _ in 1 } == 1)
    #expect(lock.driver.counts == FakeDriver.Counts(released: 1))
    await #expect(throws: Own.self) { try await lock.withLock { _ in throw Own() } }
    #expect(lock.driver.counts == FakeDriver.Counts(released: 2))
    let nothing: Int?? = try await lock.withLockIfAvailable { _ -> Int? in nil }
    #expect(nothing == .some(nil))
    #expect(lock.driver.counts == FakeDriver.Counts(released: 3))
  }

  @Test("the body can return what is not Sendable, and sees the task-local values of its caller")
  func notSendable() async throws {
    final class Box { var tag = "" }
    let lock = try FakeLock()
    let box = try await Self.$tag.withValue("mine") {
      try await lock.withLock { _ in
        let box = Box()
        box.tag = Self.tag
        return box
      }
    }
    #expect(box.tag == "mine")
  }

  @Test("the body stays on the main actor when it is called from there")
  @MainActor
  func mainActor() async throws {
    let lock = try FakeLock()
    var count = 0
    try await lock.withLock { _ in
      MainActor.assertIsolated()
      await Task.yield()
      MainActor.assertIsolated()
      count += 1
    }
    #expect(count == 1)
  }

  @Test("the body stays on the task executor that its caller prefers")
  func taskExecutor() async throws {
    let lock = try FakeLock()
    let executor = OneQueue()
    let seen = await withTaskExecutorPreference(executor) { () async -> [Bool] in
      let seen: [Bool]? = try? await lock.withLock { _ in
        let before = executor.isCurrent
        await Task.yield()
        return [before, executor.isCurrent]
      }
      return seen ?? []
    }
    #expect(seen == [true, true])
  }

  @Test("a loss cancels the body; its CancellationError becomes lockLost")
  func lossCancels() async throws {
    let lock = try FakeLock()
    let error = await #expect(throws: LockError.self) {
      try await lock.withLock { _ in
        lock.term.end(.reported("the session expired"))
        try await Task.sleep(for: .seconds(3600))
      }
    }
    #expect(error?.code == .lockLost)
    #expect(error?.message.contains("the session expired") == true)
    #expect(lock.driver.counts.released == 1)
  }

  @Test("another error after a loss comes through with the loss")
  func ownErrorAfterLoss() async throws {
    let lock = try FakeLock()
    let failure = await #expect(throws: BodyFailedAfterLoss.self) {
      try await lock.withLock { _ in
        lock.term.end(.reported("gone"))
        throw Own()
      }
    }
    #expect(failure?.bodyError is Own)
    #expect(failure?.loss.code == .lockLost)
  }

  @Test("a body that stops because it asked whether the lock is held ends as the loss itself")
  func askedInTheBody() async throws {
    let lock = try FakeLock()
    let error = await #expect(throws: LockError.self) {
      try await lock.withLock { held in
        lock.term.end(.reported("the session expired"))
        try held.ensureHeld()
      }
    }
    #expect(error?.code == .lockLost)
    #expect(error?.message.contains("the session expired") == true)
  }

  @Test("the loss of another lock is an error like any other")
  func lossOfAnother() async throws {
    let lock = try FakeLock()
    let other = LockError.lost("other", because: "it was somebody else's")
    let failure = await #expect(throws: BodyFailedAfterLoss.self) {
      try await lock.withLock { _ in
        lock.term.end(.reported("gone"))
        throw other
      }
    }
    #expect((failure?.bodyError as? LockError)?.name == other.name)
  }

  @Test("whoever catches a lost lock catches every error of a body that came after the loss")
  func caughtAsLoss() async throws {
    let lock = try FakeLock()
    do {
      try await lock.withLock { _ in
        lock.term.end(.reported("gone"))
        throw Own()
      }
      Issue.record("no error")
    } catch LockError.Code.lockLost {
      // As it should be.
    } catch {
      Issue.record("caught by no code: \(error)")
    }
  }

  @Test("a loss that only the clock knows of counts as one")
  func silentLoss() async throws {
    // Nobody tells the term that its deadline has passed.
    let lock = try FakeLock(deadline: .milliseconds(30))
    let error = await #expect(throws: LockError.self) {
      try await lock.withLock { _ in
        while ContinuousClock.now < lock.term.deadline { await Task.yield() }
        throw CancellationError()
      }
    }
    #expect(error?.code == .lockLost)
  }

  @Test("a CancellationError without a loss stays what it is")
  func ownCancellation() async throws {
    let lock = try FakeLock()
    await #expect(throws: CancellationError.self) { try await lock.withLock { _ in throw CancellationError() } }
  }

  @Test("a body that returns after a loss has worked unprotected: withLock throws lockLost")
  func valueAfterLoss() async throws {
    let lock = try FakeLock()
    let error = await #expect(throws: LockError.self) {
      try await lock.withLock { _ in
        lock.term.end(.reported("gone"))
        return 7
      }
    }
    #expect(error?.code == .lockLost)
    #expect(error?.message.contains("gone") == true)
    #expect(lock.driver.counts == FakeDriver.Counts(released: 1))
  }

  @Test("a lease that was lost before the body starts cancels the body at its start")
  func lostBefore() async throws {
    let lock = try FakeLock()
    lock.term.end(.reported("gone"))
    let error = await #expect(throws: LockError.self) {
      try await lock.withLock { _ in try await Task.sleep(for: .seconds(3600)) }
    }
    #expect(error?.code == .lockLost)
  }

  @Test("cancelling the caller cancels the body, and does not keep the lease from being released")
  func callerCancelled() async throws {
    let lock = try FakeLock()
    let isInside = OneShot<Void>()
    let work = Task {
      try await lock.withLock { held in
        isInside.resolve()
        do {
          try await Task.sleep(for: .seconds(3600))
        } catch {
          #expect(held.isHeld)
          throw error
        }
      }
    }
    await isInside.value
    work.cancel()
    await #expect(throws: CancellationError.self) { try await work.value }
    #expect(lock.driver.counts.released == 1)
  }

  @Test("a lease that is dropped is abandoned once; one that is released is not")
  func dropped() async throws {
    let lock = try FakeLock()
    try await Self.drop(lock)
    #expect(lock.driver.counts == FakeDriver.Counts(abandoned: 1))
    try await lock.acquire().release()
    #expect(lock.driver.counts == FakeDriver.Counts(released: 1, abandoned: 1))
  }

  @Test("releasing a lost lease throws lockLost, and does not abandon it as well")
  func releaseOfLost() async throws {
    let lock = try FakeLock()
    let lease = LeaseBox(try await lock.acquire())
    lock.term.end(.reported("gone"))
    let error = await #expect(throws: LockError.self) { try await lease.release() }
    #expect(error?.code == .lockLost)
    #expect(lock.driver.counts == FakeDriver.Counts(released: 1))
  }

  @Test("lost forgets its handler when its waiter is cancelled")
  func lostForgets() async throws {
    let lock = try FakeLock()
    let lease = try await lock.acquire()
    let held = lease.held
    let waiting = Task { await held.lost }
    #expect(try await eventually { lock.driver.counts.handlers == 1 })
    waiting.cancel()
    #expect(await waiting.value == nil)
    #expect(lock.driver.counts.handlers == 0)
    try await lease.release()
  }

  private static func drop(_ lock: FakeLock) async throws {
    let lease = try await lock.acquire()
    #expect(lease.held.isHeld)
  }
}

/// An executor whose tasks know that they run on it.
private final class OneQueue: TaskExecutor {
  private static let key = DispatchSpecificKey<ObjectIdentifier>()
  private let queue = DispatchQueue(label: "latchkey.tests")

  init() {
    self.queue.setSpecific(key: Self.key, value: ObjectIdentifier(self))
  }

  var isCurrent: Bool { DispatchQueue.getSpecific(key: Self.key) == ObjectIdentifier(self) }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    self.queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}

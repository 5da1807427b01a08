import Latchkey
import LatchkeyPrimitives
import LatchkeyTesting
import Testing

@Suite("Deadlock by oneself", .timeLimit(.minutes(1)))
struct HoldMarkerTests {
  @Test("a task that would wait for itself is told so behind any nesting of other locks")
  func nesting() async throws {
    let mutex = LocalMutex("mutex")
    let fake = try FakeLock("fake")
    let other = try FakeLock("other")
    try await mutex.withLock { _ in
      try await fake.withLock { _ in
        try await other.withLock { _ in
          await Self.expectDeadlock { try await mutex.withLock { _ in } }
          await Self.expectDeadlock { try await fake.withLock { _ in } }
          await Self.expectDeadlock { _ = try await other.withLockIfAvailable { _ in } }
        }
      }
    }
  }

  @Test("a child task between two locks is not the task that holds the outer one")
  func childBetween() async throws {
    let outer = try FakeLock("outer")
    let inner = try FakeLock("inner")
    try await outer.withLock { _ in
      async let child: Void = inner.withLock { _ in
        // The fake grants everything: what counts is that nobody refuses.
        try await outer.withLock { _ in }
      }
      try await child
    }
  }

  @Test("equal names at different backends are different locks")
  func backends() async throws {
    let first = LocalMutex("a")
    let second = LocalMutex("a")
    try await first.withLock { _ in try await second.withLock { _ in } }
  }

  @Test("a body that has ended leaves no marker: the task may lock again, and what it locked is freed")
  func ends() async throws {
    let mutex = LocalMutex("a")
    for _ in 0..<3 { try await mutex.withLock { _ in #expect(HoldMarker.current != nil) } }
    #expect(HoldMarker.current == nil)
  }

  @Test("tasks that start one another from body to body do not keep the locks of all bodies before")
  func noChain() async throws {
    let mutex = LocalMutex("a")
    let first = WeakDriver()
    let firstEnded = OneShot<Void>()
    let next: Task<Task<Void, any Error>, any Error>
    do {
      let lock = try FakeLock()
      first.driver = lock.driver
      next = try await lock.withLock { _ in
        Task {
          await firstEnded.value
          return try await mutex.withLock { _ in
            // Started in the second body, which was started in the first one.
            Task { try await Task.sleep(for: .seconds(3600)) }
          }
        }
      }
    }
    firstEnded.resolve()
    let last = try await next.value
    #expect(try await eventually { first.driver == nil })
    last.cancel()
  }

  private static func expectDeadlock(_ operation: () async throws -> Void) async {
    do {
      try await operation()
      Issue.record("no error")
    } catch {
      #expect(LockError.Code.wouldDeadlock ~= error)
    }
  }
}

private final class WeakDriver {
  weak var driver: FakeDriver?
}

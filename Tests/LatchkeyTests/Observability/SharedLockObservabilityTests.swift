import InMemoryTracing
import Latchkey
import LatchkeyTesting
import MetricsTestKit
import Testing
import Tracing

@Suite("What read-write locks and semaphores tell of themselves", .timeLimit(.minutes(1)))
struct SharedLockObservabilityTests {
  let telemetry = Telemetry()

  @Test("reads, writes and permits are counted and timed apart")
  func kinds() async throws {
    let lock = LocalReadWriteLock("table", observability: self.telemetry.options)
    let pool = LocalSemaphore("pool", limit: .fixed(2), observability: self.telemetry.options)
    for _ in 0..<3 { try await lock.reading.withLock { _ in } }
    for _ in 0..<2 { try await lock.writing.withLock { _ in } }
    let second = try await pool.withPermits(2) { _ in try await pool.withPermitIfAvailable { _ in true } }
    #expect(second == nil)
    for (kind, backend, count) in [
      (GrantKind.read, "readwrite", 3), (.write, "readwrite", 2), (.permits, "semaphore", 1),
    ] {
      #expect(try self.telemetry.count("lock.acquisitions", of: kind, ("backend", backend)) == Int64(count))
      #expect(
        try self.telemetry.durations("lock.hold.duration", of: kind, ("backend", backend), ("outcome", "released"))
          == count
      )
    }
    #expect(
      try self.telemetry.durations("lock.acquire.duration", of: .permits, ("backend", "semaphore"), ("outcome", "busy"))
        == 1
    )
    let kinds = self.telemetry.spans("lock.hold").map { $0.attribute("lock.kind") }
    #expect(kinds == ["read", "read", "read", "write", "write", "permits"])
  }

  @Test("how many read, write or hold permits at the moment is a meter, and a conversion moves one from half to half")
  func held() async throws {
    let lock = LocalReadWriteLock("table", observability: self.telemetry.options)
    let pool = LocalSemaphore("pool", limit: .fixed(5), observability: self.telemetry.options)
    let write = try await lock.writing.acquire()
    let read = try await lock.downgrade(write)
    let other = try await lock.reading.acquire()
    try await pool.withPermits(3) { _ in try await pool.withPermit { _ in } }
    #expect(try self.telemetry.held(of: .permits, ("backend", "semaphore")) == [3, 4, 3, 0])
    #expect(try self.telemetry.held(of: .write, ("backend", "readwrite")) == [1, 0])
    try await read.release()
    try await other.release()
    #expect(try self.telemetry.held(of: .read, ("backend", "readwrite")) == [1, 2, 1, 0])
  }

  @Test("those who wait for one half are counted as such while they do")
  func waiters() async throws {
    let lock = LocalReadWriteLock("table", observability: self.telemetry.options)
    let lease = try await lock.writing.acquire()
    let tasks = (0..<3).map { _ in Task { try await lock.reading.acquire().release() } }
    let areWaiting = try await eventually {
      (try? self.telemetry.waiters(of: .read, ("backend", "readwrite")).last) == 3
    }
    #expect(areWaiting)
    try await lease.release()
    for task in tasks { try await task.value }
    #expect(try self.telemetry.waiters(of: .read, ("backend", "readwrite")).last == 0)
  }

  @Test("a downgrade ends the hold of a writer as converted, and begins that of a reader")
  func conversion() async throws {
    let lock = LocalReadWriteLock("table", observability: self.telemetry.options)
    let read = try await lock.downgrade(try await lock.writing.acquire())
    guard case .upgraded(let write) = try await lock.tryUpgrade(read) else {
      Issue.record("the only reader was busy")
      return
    }
    try await write.release()
    let holds = self.telemetry.spans("lock.hold")
    #expect(holds.map { $0.attribute("lock.kind") } == ["write", "read", "write"])
    #expect(holds.map { $0.attribute("lock.outcome") } == ["converted", "converted", "released"])
    #expect(
      try self.telemetry.durations(
        "lock.hold.duration",
        of: .write,
        ("backend", "readwrite"),
        ("outcome", "converted")
      ) == 1
    )
    #expect(self.telemetry.tracer.activeSpans.isEmpty)
  }

  @Test("a reader that could not upgrade goes on with the hold that it had")
  func busyUpgrade() async throws {
    let lock = LocalReadWriteLock("table", observability: self.telemetry.options)
    let other = try await lock.reading.acquire()
    guard case .busy(let read) = try await lock.tryUpgrade(try await lock.reading.acquire()) else {
      Issue.record("a reader was upgraded beside another")
      return
    }
    #expect(self.telemetry.spans("lock.hold").isEmpty)
    try await read.release()
    try await other.release()
    #expect(self.telemetry.spans("lock.hold").map { $0.attribute("lock.outcome") } == ["released", "released"])
  }
}

import CoreMetrics
import InMemoryTracing
import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import MetricsTestKit
import Testing
import Tracing

@Suite("What in-process locks tell of themselves", .timeLimit(.minutes(1)))
struct LocalObservabilityTests {
  let telemetry = Telemetry()

  @Test("each acquire and each hold is counted and timed")
  func counted() async throws {
    let mutex = LocalMutex("counted", observability: self.telemetry.options)
    for _ in 0..<3 { try await mutex.acquire().release() }
    try await mutex.withLock { _ in }
    if let lease = try await mutex.tryAcquire() { try await lease.release() }
    #expect(try self.telemetry.count("lock.acquisitions", ("backend", "mutex")) == 5)
    #expect(try self.telemetry.durations("lock.acquire.duration", ("backend", "mutex"), ("outcome", "granted")) == 5)
    #expect(try self.telemetry.durations("lock.hold.duration", ("backend", "mutex"), ("outcome", "released")) == 5)
    #expect(self.telemetry.metrics.counters(label: "lock.losses").isEmpty, "an in-process lock cannot be lost")
  }

  @Test("the duration of a hold is that of the body")
  func holdDuration() async throws {
    let mutex = LocalMutex("timed", observability: self.telemetry.options)
    let body = try await mutex.withLock { _ in
      try await ContinuousClock().measure { try await Task.sleep(for: .milliseconds(20)) }
    }
    let timer = try self.telemetry.metrics.expectTimer(
      "lock.hold.duration",
      [("backend", "mutex"), ("kind", "lock"), ("outcome", "released")]
    )
    let held = Duration.nanoseconds(try #require(timer.values.first))
    #expect(held >= body)
    #expect(held < body + .seconds(5))
  }

  @Test("a try that finds the lock held is busy, a wait that runs out is timed out, one that is cancelled is cancelled")
  func outcomes() async throws {
    let channel = ChannelTryLock("outcomes", observability: self.telemetry.options)
    let lease = try await channel.acquire()
    if let second = try await channel.tryAcquire() {
      Issue.record("a held lock was granted")
      try await second.release()
    }
    await #expect(throws: LockError.self) { try await channel.acquire(within: .milliseconds(1)).release() }
    let waiter = Task { try await channel.acquire().release() }
    let isWaiting = try await eventually { try self.telemetry.waiters(("backend", "channel")).last == 1 }
    #expect(isWaiting)
    waiter.cancel()
    await #expect(throws: LockError.self) { try await waiter.value }
    try await lease.release()
    for outcome in ["granted", "busy", "timedOut", "cancelled"] {
      let count = try self.telemetry.durations(
        "lock.acquire.duration",
        ("backend", "channel"),
        ("outcome", outcome)
      )
      #expect(count == 1, "\(outcome)")
    }
    #expect(try self.telemetry.count("lock.acquisitions", ("backend", "channel")) == 1)
    let spans = self.telemetry.spans("lock.acquire")
    #expect(spans.map { $0.attribute("lock.outcome") } == ["granted", "busy", "timedOut", "cancelled"])
    // Who gives up has not failed; nor has who asked and was told.
    #expect(spans.map(\.errors.count) == [0, 0, 1, 0])
  }

  @Test("those who wait are counted while they do")
  func waiters() async throws {
    let mutex = LocalMutex("waiters", observability: self.telemetry.options)
    let lease = try await mutex.acquire()
    let tasks = (0..<3).map { _ in Task { try await mutex.acquire().release() } }
    let areWaiting = try await eventually { try self.telemetry.waiters(("backend", "mutex")).last == 3 }
    #expect(areWaiting)
    try await lease.release()
    for task in tasks { try await task.value }
    #expect(try self.telemetry.waiters(("backend", "mutex")).last == 0)
  }

  @Test("those who wait are counted right by a factory that knows no meters, whichever client they wait for")
  func waitersWithoutMeters() async throws {
    let factory = RecordersOnly()
    var options = LockObservability()
    options.metrics = factory
    let mutexes = try (0..<2).map { try LocalMutex(LockName("waiters \($0)"), observability: options) }
    let leases = [LeaseBox(try await mutexes[0].acquire()), LeaseBox(try await mutexes[1].acquire())]
    let tasks = mutexes.map { mutex in Task { try await mutex.acquire().release() } }
    #expect(try await eventually { factory.recorded.value.last == 2 }, "\(factory.recorded.value)")
    for lease in leases { try await lease.release() }
    for task in tasks { try await task.value }
    #expect(factory.recorded.value.last == 0, "\(factory.recorded.value)")
  }

  @Test("a hold is a span beside that of its acquire, and the body runs in it")
  func spans() async throws {
    let mutex = LocalMutex("spans", observability: self.telemetry.options)
    let tracer = self.telemetry.tracer
    let token = try await tracer.withSpan("caller") { _ in
      try await mutex.withLock { held in
        tracer.withSpan("body") { _ in }
        return held.token
      }
    }
    let caller = try #require(self.telemetry.spans("caller").first)
    let acquire = try #require(self.telemetry.spans("lock.acquire").first)
    let hold = try #require(self.telemetry.spans("lock.hold").first)
    let body = try #require(self.telemetry.spans("body").first)
    #expect(acquire.parentSpanID == caller.spanID)
    #expect(hold.parentSpanID == caller.spanID)
    #expect(body.parentSpanID == hold.spanID)
    for span in [acquire, hold] {
      #expect(span.attribute("lock.name") == "spans")
      #expect(span.attribute("lock.backend") == "mutex")
      #expect(span.attribute("lock.token") == .string(try #require(token).description))
    }
    #expect(acquire.attribute("lock.outcome") == "granted")
    #expect(hold.attribute("lock.outcome") == "released")
    #expect(self.telemetry.tracer.activeSpans.isEmpty)
  }

  @Test("the error of a body is recorded with its hold, and the lock is free again")
  func bodyError() async throws {
    struct Failure: Error {}
    let mutex = LocalMutex("error", observability: self.telemetry.options)
    await #expect(throws: Failure.self) { try await mutex.withLock { _ in throw Failure() } }
    let hold = try #require(self.telemetry.spans("lock.hold").first)
    #expect(hold.errors.count == 1)
    #expect(hold.errors.first?.error is Failure)
    #expect(hold.status?.code == .error)
    #expect(hold.attribute("lock.outcome") == "released")
    try await mutex.acquire(within: .zero).release()
  }

  @Test("a lease that is dropped ends its hold as dropped")
  func dropped() async throws {
    let mutex = LocalMutex("dropped", observability: self.telemetry.options)
    _ = try await mutex.acquire()
    #expect(try self.telemetry.durations("lock.hold.duration", ("backend", "mutex"), ("outcome", "dropped")) == 1)
    #expect(self.telemetry.spans("lock.hold").map { $0.attribute("lock.outcome") } == ["dropped"])
  }

  @Test("a name is a dimension only where it is asked for")
  func nameDimension() async throws {
    var options = self.telemetry.options
    options.namesAreDimensions = true
    let locks = LocalLocks(observability: options)
    try await locks.lock("orders/1").acquire().release()
    #expect(try self.telemetry.count("lock.acquisitions", ("backend", "mutex"), ("name", "orders/1")) == 1)
    #expect(throws: (any Error).self) { try self.telemetry.count("lock.acquisitions", ("backend", "mutex")) }
  }

  @Test("locks that are told to be silent are")
  func off() async throws {
    var options = self.telemetry.options
    options.isEnabled = false
    let mutex = LocalMutex("silent", observability: options)
    try await mutex.withLock { _ in }
    #expect(self.telemetry.metrics.counters.isEmpty)
    #expect(self.telemetry.tracer.finishedSpans.isEmpty)
  }

  @Test("a lock that is older than its listeners tells them after 256 grants at most, one that is younger at once")
  func lateListeners() async throws {
    let old = LocalMutex("old")
    try await old.acquire().release()
    try await withMetricsFactory(self.telemetry.metrics) {
      for _ in 0..<255 { try await old.withLock { _ in } }
      try await old.withLock { _ in }
      #expect(try self.telemetry.count("lock.acquisitions", ("backend", "mutex")) == 1)
      let young = LocalMutex("young")
      try await young.acquire().release()
      #expect(try self.telemetry.count("lock.acquisitions", ("backend", "mutex")) == 2)
    }
    // And stops when nobody listens any more.
    for _ in 0..<300 { try await old.withLock { _ in } }
    #expect(try self.telemetry.count("lock.acquisitions", ("backend", "mutex")) == 2)
  }

  @Test("a busy lock that is older than its listeners tells them too")
  func lateListenersOfABusyLock() async throws {
    let old = LocalMutex("busy")
    try await withMetricsFactory(self.telemetry.metrics) {
      // Handed from one to the next: never free.
      try await withThrowingTaskGroup { group in
        for _ in 0..<4 { group.addTask { for _ in 0..<100 { try await old.withLock { _ in await Task.yield() } } } }
        try await group.waitForAll()
      }
      #expect(try self.telemetry.count("lock.acquisitions", ("backend", "mutex")) >= 400 - 256 - 4)
    }
  }
}

/// A factory of before swift-metrics had meters: what it is asked for as one is a recorder.
private final class RecordersOnly: MetricsFactory {
  let recorded = Shared<[Double]>([])

  func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler { Nothing() }

  func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
    label == "lock.waiters" ? Values(recorded: self.recorded) : Nothing()
  }

  func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler { Nothing() }

  func destroyCounter(_ handler: any CounterHandler) {}
  func destroyRecorder(_ handler: any RecorderHandler) {}
  func destroyTimer(_ handler: any TimerHandler) {}

  private final class Values: RecorderHandler {
    let recorded: Shared<[Double]>

    init(recorded: Shared<[Double]>) {
      self.recorded = recorded
    }

    func record(_ value: Int64) { self.record(Double(value)) }
    func record(_ value: Double) { self.recorded.change { $0.append(value) } }
  }

  private final class Nothing: CounterHandler, RecorderHandler, TimerHandler {
    func increment(by amount: Int64) {}
    func reset() {}
    func record(_ value: Int64) {}
    func record(_ value: Double) {}
    func recordNanoseconds(_ duration: Int64) {}
  }
}

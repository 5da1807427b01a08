import CoreMetrics
import InMemoryTracing
import LatchkeyPrimitives
import LatchkeyTesting
import MetricsTestKit
import Testing
import Tracing

@testable import Latchkey

@Suite("What locks with a deadline tell of a loss", .timeLimit(.minutes(1)))
struct LossObservabilityTests {
  let telemetry = Telemetry()

  /// The fake lock's lease, as its observer hands it on.
  private func acquire(_ lock: FakeLock) async throws -> Lease {
    let observer = LockObserver(self.telemetry.options, kind: "fake")
    return try await observer.acquire(lock.name, within: nil) { () async throws(LockError) in
      try await lock.acquire(within: nil)
    }
  }

  @Test("a loss ends the hold, is counted once, and is an event of the span, which ends when the holder is done")
  func loss() async throws {
    let lock = try FakeLock("lost")
    let lease = try await self.acquire(lock)
    #expect(lease.held.isHeld)
    lock.term.end(.reported("the test said so"))
    #expect(try self.telemetry.count("lock.losses", ("backend", "fake")) == 1)
    #expect(try self.telemetry.durations("lock.hold.duration", ("backend", "fake"), ("outcome", "lost")) == 1)
    #expect(try self.telemetry.held(("backend", "fake")) == [1, 0])
    #expect(self.telemetry.spans("lock.hold").isEmpty)
    let active = try #require(self.telemetry.tracer.activeSpans.first)
    #expect(active.events.map(\.name) == ["lock.lost"])
    do throws(LockError) {
      try await lease.release()
      Issue.record("a lost lease must say so when it is released")
    } catch {
      #expect(error.code == .lockLost)
    }
    #expect(try self.telemetry.count("lock.losses", ("backend", "fake")) == 1)
    #expect(try self.telemetry.durations("lock.hold.duration", ("backend", "fake"), ("outcome", "lost")) == 1)
    let hold = try #require(self.telemetry.spans("lock.hold").first)
    #expect(hold.attribute("lock.outcome") == "lost")
    #expect(hold.status?.code == .error)
  }

  @Test("a body that is cancelled by a loss ends its hold with that error")
  func lossUnderABody() async throws {
    let lock = try FakeLock("lost")
    let lease = try await self.acquire(lock)
    do {
      try await lease.run(isolation: #isolation) { _ in
        lock.term.end(.reported("the test said so"))
        try await Task.sleep(for: .seconds(60))
      }
      Issue.record("the body must be cancelled")
    } catch {
      #expect((error as? LockError)?.code == .lockLost)
    }
    let hold = try #require(self.telemetry.spans("lock.hold").first)
    #expect(hold.attribute("lock.outcome") == "lost")
    #expect(hold.events.map(\.name) == ["lock.lost"])
    #expect((hold.errors.first?.error as? LockError)?.code == .lockLost)
  }

  @Test("a failed acquire is told with its code and its error")
  func failure() async throws {
    let observer = LockObserver(self.telemetry.options, kind: "fake")
    let name: LockName = "failed"
    await #expect(throws: LockError.self) {
      try await observer.acquire(name, within: nil) { () async throws(LockError) in
        throw LockError(.unreachable, name: name, message: "no server answers")
      }.release()
    }
    #expect(
      try self.telemetry.durations("lock.acquire.duration", ("backend", "fake"), ("outcome", "unreachable")) == 1
    )
    let span = try #require(self.telemetry.spans("lock.acquire").first)
    #expect(span.status?.code == .error)
    #expect(span.errors.count == 1)
    #expect(try self.telemetry.waiters(("backend", "fake")).last == 0)
  }
}

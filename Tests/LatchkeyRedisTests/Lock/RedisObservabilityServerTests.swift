import CoreMetrics
import InMemoryLogging
import InMemoryTracing
import Latchkey
import LatchkeyRedis
import LatchkeyTestSupport
import LatchkeyTesting
import Logging
import MetricsTestKit
import Testing
import Tracing

@Suite("What locks on Redis tell of themselves", .serialized, .timeLimit(.minutes(2)))
struct RedisObservabilityServerTests {
  private let metrics = TestMetrics()
  private let tracer = InMemoryTracer()
  private let lines: InMemoryLogHandler

  init() {
    var lines = InMemoryLogHandler()
    lines.logLevel = .trace
    self.lines = lines
  }

  private func withLock(_ body: (RedisServer, any DistributedLock) async throws -> Void) async throws {
    let server = try await SharedRedis.value
    try await LockClient.with([server]) { configuration in
      configuration.observability.metrics = self.metrics
      configuration.observability.tracer = self.tracer
      configuration.logger = Logger(label: "test") { _ in self.lines }
    } _: { client in
      try await body(server, client.lock(try uniqueName()))
    }
  }

  private func count(_ label: String) throws -> Int64 {
    try self.metrics.expectCounter(label, [("backend", "redis"), ("kind", "lock")]).totalValue
  }

  private func durations(_ label: String, _ outcome: String) throws -> Int {
    try self.metrics.expectTimer(label, [("backend", "redis"), ("kind", "lock"), ("outcome", outcome)]).values.count
  }

  private func check(_ metadata: Logger.Metadata, _ lock: any DistributedLock, _ token: FencingToken?) throws {
    #expect(metadata["lock.name"] == "\(lock.name)")
    #expect(metadata["lock.backend"] == "redis")
    #expect(metadata["lock.token"] == "\(try #require(token))")
  }

  @Test("grants and holds are counted, timed, traced and logged")
  func grants() async throws {
    try await self.withLock { _, lock in
      let lease = try await lock.acquire()
      let token = lease.held.token
      try await lease.release()
      try await self.tracer.withSpan("caller") { _ in
        try await lock.withLock { _ in self.tracer.withSpan("body") { _ in } }
      }
      #expect(try self.count("lock.acquisitions") == 2)
      #expect(try self.durations("lock.acquire.duration", "granted") == 2)
      #expect(try self.durations("lock.hold.duration", "released") == 2)
      let spans = Dictionary(grouping: self.tracer.finishedSpans, by: \.operationName)
      let hold = try #require(spans["lock.hold"]?.last)
      #expect(spans["lock.acquire"]?.last?.parentSpanID == spans["caller"]?.first?.spanID)
      #expect(hold.parentSpanID == spans["caller"]?.first?.spanID)
      #expect(spans["body"]?.first?.parentSpanID == hold.spanID)
      #expect(hold.attributes.get("lock.name") == .string("\(lock.name)"))
      let entries = self.lines.entries
      #expect(entries.prefix(2).map { "\($0.message)" } == ["the lock was acquired", "the lock was released"])
      for entry in entries.prefix(2) { try self.check(entry.metadata, lock, token) }
    }
  }

  @Test("a loss is counted, ends the hold, is an event of its span and a warning in the log")
  func loss() async throws {
    try await self.withLock { server, lock in
      let lease = try await lock.acquire()
      let held = lease.held
      try await server.command("DEL", "\(lock.name)")
      let loss = await held.lost
      #expect(loss?.code == .lockLost)
      let isCounted = try await eventually { self.metrics.counterTotal(label: "lock.losses") == 1 }
      #expect(isCounted)
      #expect(try self.durations("lock.hold.duration", "lost") == 1)
      do throws(LockError) {
        try await lease.release()
        Issue.record("a lost lease must say so when it is released")
      } catch {
        #expect(error.code == .lockLost)
      }
      let hold = try #require(self.tracer.finishedSpans.last { $0.operationName == "lock.hold" })
      #expect(hold.events.map(\.name) == ["lock.lost"])
      #expect(hold.attributes.get("lock.outcome") == "lost")
      // The log is written after the handlers of the loss, from which this test goes on.
      #expect(try await eventually { self.lines.entries.contains { $0.level == .warning } })
      let warnings = self.lines.entries.filter { $0.level == .warning }
      #expect(warnings.map { "\($0.message)" } == ["the lock was lost while it was held"])
      try self.check(try #require(warnings.first).metadata, lock, held.token)
    }
  }

  @Test("a server that lets nobody subscribe is named in the log once, in its own words")
  func refusedSubscription() async throws {
    try await withRedis { server in
      try await server.command("ACL", "SETUSER", "ann", "on", ">anns", "~*", "+@all", "resetchannels")
      var credentials = RedisConnection.Configuration(port: server.port)
      credentials.credential = .init(user: "ann", password: "anns")
      let connection = try await RedisConnection.connect(credentials)
      var settings = RedisLocks.Configuration()
      settings.pollCeiling = .milliseconds(20)
      settings.logger = Logger(label: "test") { _ in self.lines }
      let locks = try RedisLocks(executor: connection, configuration: settings)
      for _ in 0..<2 {
        let name = try uniqueName()
        try await server.command("SET", "\(name)", "somebody else", "PX", "100")
        // Long enough for some polls, each of which subscribes again.
        try await locks.lock(name).acquire(within: .seconds(30)).release()
      }
      await connection.close()
      let warnings = self.lines.entries.filter { $0.level == .warning }
      #expect(warnings.count == 1)
      #expect(warnings.first.map { "\($0.message)".contains("subscribe") } == true)
      #expect(warnings.first?.metadata["error"].map { "\($0)".contains("NOPERM") } == true)
    }
  }

  @Test("a wait that ends without the lock is told by its outcome, and nobody is counted as waiting any more")
  func waits() async throws {
    try await self.withLock { server, lock in
      try await server.command("SET", "\(lock.name)", "somebody else", "PX", "60000")
      if let lease = try await lock.tryAcquire() {
        Issue.record("a held lock was granted")
        try await lease.release()
      }
      await #expect(throws: LockError.self) { try await lock.acquire(within: .milliseconds(20)).release() }
      #expect(try self.durations("lock.acquire.duration", "busy") == 1)
      #expect(try self.durations("lock.acquire.duration", "timedOut") == 1)
      #expect(try self.metrics.expectMeter("lock.waiters", [("backend", "redis"), ("kind", "lock")]).values == [1, 0])
      #expect(self.metrics.counters(label: "lock.acquisitions").isEmpty)
    }
  }
}

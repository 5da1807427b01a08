import CoreMetrics
import Foundation
import Latchkey
import LatchkeyTesting
import Testing

@testable import InvoiceService

@Suite("The invoice service", .serialized, .timeLimit(.minutes(3)))
struct InvoiceServiceTests {
  private static let granted = "lock_acquisitions_total{backend=\"zookeeper\",kind=\"lock\"}"

  /// Lends a ZooKeeper server and a folder.
  private func withStage(_ body: (String, URL) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "invoices-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try await withZooKeeper { server in try await body(server.connectString, folder) }
  }

  /// No number is missing or given twice, and tokens never go back.
  private func check(_ entries: [Entry]) {
    #expect(entries.map(\.number) == Array(1...max(entries.count, 1)))
    #expect(zip(entries, entries.dropFirst()).allSatisfy { $0.token <= $1.token })
  }

  @Test("two instances take turns, and one that is told to stop gives the lock away at once and ends with status 0")
  func turns() async throws {
    try await self.withStage { zooKeeper, folder in
      let settings = ["LEDGER_BATCH": "5", "LEDGER_PAUSE_MILLISECONDS": "2"]
      let a = try Instance("a", in: folder, zooKeeper: zooKeeper, settings: settings)
      let b = try Instance("b", in: folder, zooKeeper: zooKeeper, settings: settings)
      for instance in [a, b] { try await instance.wait(for: Self.granted, toBe: 3) }
      let isWaitedFor = try await b.metric(
        "lock_hold_duration_seconds_count{backend=\"zookeeper\",kind=\"lock\",outcome=\"released\"}"
      )
      #expect(try #require(isWaitedFor) >= 2)
      a.terminate()
      #expect(try await a.exitStatus() == 0, "\(a.output)")
      b.terminate()
      #expect(try await b.exitStatus() == 0, "\(b.output)")
      let entries = try Entry.all(in: folder)
      self.check(entries)
      let turns = entries.map(\.token).reduce(into: [UInt64]()) { if $0.last != $1 { $0.append($1) } }
      let byTurn = turns.map { token in Set(entries.filter { $0.token == token }.map(\.instance)) }
      #expect(byTurn.allSatisfy { $0.count == 1 }, "a token belongs to one holder")
      #expect(zip(byTurn, byTurn.dropFirst()).count { $0 != $1 } >= 4, "while both ran, they took turns")
    }
  }

  @Test("an instance that is told to stop while it holds the lock hands it over at once, not after the session timeout")
  func handOver() async throws {
    try await self.withStage { zooKeeper, folder in
      // A batch without an end.
      let settings = ["LEDGER_BATCH": "1000000", "LEDGER_PAUSE_MILLISECONDS": "5"]
      let a = try Instance("a", in: folder, zooKeeper: zooKeeper, settings: settings)
      try await a.wait(for: "invoices_written_total", toBe: 3)
      let b = try Instance("b", in: folder, zooKeeper: zooKeeper, settings: settings)
      try await b.wait(for: "lock_waiters{backend=\"zookeeper\",kind=\"lock\"}", toBe: 1)
      #expect(try await b.metric(Self.granted) == nil)
      let told = ContinuousClock.now
      a.terminate()
      try await b.wait(for: Self.granted, toBe: 1, within: .seconds(10))
      // The session timeout is 30 s.
      #expect(ContinuousClock.now - told < .seconds(10))
      #expect(try await a.exitStatus() == 0, "\(a.output)")
      #expect(!a.output.contains("was lost"), "\(a.output)")
      #expect(a.output.contains("lock.name=invoices"), "what is logged under the lock names it: \(a.output)")
      try await b.wait(for: "invoices_written_total", toBe: 3)
      b.terminate()
      #expect(try await b.exitStatus() == 0, "\(b.output)")
      let entries = try Entry.all(in: folder)
      self.check(entries)
      #expect(entries.map(\.instance).reduce(into: [String]()) { if $0.last != $1 { $0.append($1) } } == ["a", "b"])
    }
  }

  @Test("the ledger refuses a holder whose time is over")
  func staleToken() throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "ledger-\(UUID().uuidString)").path()
    defer { try? FileManager.default.removeItem(atPath: path) }
    let ledger = Ledger(path: path)
    #expect(try ledger.append(by: "a", fencedBy: FencingToken(major: 7)) == 1)
    #expect(try ledger.append(by: "b", fencedBy: FencingToken(major: 9)) == 2)
    #expect(throws: StaleToken.self) { try ledger.append(by: "a", fencedBy: FencingToken(major: 7)) }
    #expect(try ledger.append(by: "b", fencedBy: FencingToken(major: 9)) == 3)
  }

  @Test("metrics are written as Prometheus reads them")
  func text() {
    let metrics = TextMetrics()
    Counter(label: "lock.acquisitions", dimensions: [("backend", "zoo\"keeper")], factory: metrics).increment(by: 2)
    Meter(label: "lock.waiters", factory: metrics).increment()
    Meter(label: "lock.waiters", factory: metrics).decrement(by: 0.5)
    Gauge(label: "temperature", factory: metrics).record(21.5)
    CoreMetrics.Timer(label: "lock.hold.duration", factory: metrics).recordNanoseconds(1_500_000_000)
    CoreMetrics.Timer(label: "lock.hold.duration", factory: metrics).recordNanoseconds(500_000_000)
    #expect(
      metrics.text() == """
        # TYPE lock_acquisitions_total counter
        lock_acquisitions_total{backend="zoo\\"keeper"} 2
        # TYPE lock_hold_duration_seconds summary
        lock_hold_duration_seconds_sum 2
        lock_hold_duration_seconds_count 2
        # TYPE lock_waiters gauge
        lock_waiters 0.5
        # TYPE temperature gauge
        temperature 21.5

        """
    )
  }
}

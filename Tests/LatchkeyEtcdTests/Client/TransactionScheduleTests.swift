#if Etcd
import Testing

@testable import LatchkeyEtcd

@Suite("The schedule of transactions")
struct TransactionScheduleTests {
  private struct Transaction: ScheduledTransaction, Equatable, CustomStringConvertible {
    let kind: TransactionKind
    let name: String
    var isAlone = false
    var prefix: [UInt8] { Array("\(self.name)/".utf8) }
    var description: String { "\(self.kind) \(self.name)" }
  }

  private typealias Schedule = TransactionSchedule<Transaction>

  private static func creates(_ name: String) -> Transaction { Transaction(kind: .creates, name: name) }
  private static func deletes(_ name: String) -> Transaction { Transaction(kind: .deletes, name: name) }
  private static func reads(_ name: String) -> Transaction { Transaction(kind: .reads, name: name) }

  private static func schedule(
    _ transactions: [Transaction],
    largestFlight: Int = 64,
    mostFlights: Int = 1,
    rules: Schedule.Rules = Schedule.Rules()
  ) -> Schedule {
    var schedule = Schedule(largestFlight: largestFlight, mostFlights: mostFlights, rules: rules)
    for transaction in transactions { schedule.add(transaction) }
    return schedule
  }

  private static func takeOff(_ schedule: inout Schedule) throws -> Schedule.Flight {
    let flight = schedule.takeOff()
    return try #require(flight)
  }

  private static func expect(_ transactions: [Transaction], _ schedule: inout Schedule) throws {
    let flight = try self.takeOff(&schedule)
    #expect(flight.transactions == transactions)
  }

  private static func expectNone(_ schedule: inout Schedule) {
    let flight = schedule.takeOff()
    #expect(flight?.transactions == nil)
  }

  @Test("sends all that waits together, one flight at a time")
  func together() throws {
    let all = [Self.creates("a"), Self.reads("a"), Self.creates("b")]
    var schedule = Self.schedule(all)
    let flight = try Self.takeOff(&schedule)
    #expect(flight.transactions == all)
    schedule.add(Self.creates("c"))
    Self.expectNone(&schedule)
    schedule.land(flight)
    try Self.expect([Self.creates("c")], &schedule)
  }

  @Test("sends no more together than the servers take")
  func largest() throws {
    var schedule = Self.schedule((0..<5).map { Self.creates("\($0)") }, largestFlight: 3)
    let flight = try Self.takeOff(&schedule)
    #expect(flight.transactions.count == 3)
    #expect(schedule.waiting.count == 2)
  }

  @Test("has deletes carried out before everything else, in their order")
  func deletesFirst() throws {
    let deletes = [Self.deletes("b"), Self.deletes("a")]
    var schedule = Self.schedule([Self.creates("a")] + [deletes[0], Self.reads("b"), deletes[1]])
    let flight = try Self.takeOff(&schedule)
    #expect(flight.transactions == deletes + [Self.creates("a"), Self.reads("b")])
    #expect(flight.deletes(below: Array("a/".utf8)))
    #expect(!flight.deletes(below: Array("c/".utf8)))
  }

  @Test("never creates two keys of one queue together")
  func oneQueue() throws {
    let all = [Self.creates("a"), Self.creates("a"), Self.reads("a"), Self.creates("b")]
    var schedule = Self.schedule(all)
    let flight = try Self.takeOff(&schedule)
    #expect(flight.transactions == [Self.creates("a"), Self.reads("a"), Self.creates("b")])
    schedule.land(flight)
    try Self.expect([Self.creates("a")], &schedule)
  }

  @Test("never creates keys of nested names together, whichever is asked for first")
  func nested() throws {
    var schedule = Self.schedule([Self.creates("a/b/c"), Self.creates("a"), Self.creates("a/d"), Self.creates("ab")])
    let first = try Self.takeOff(&schedule)
    #expect(first.transactions == [Self.creates("a/b/c"), Self.creates("a/d"), Self.creates("ab")])
    schedule.land(first)
    schedule.add(Self.creates("a/b"))
    let second = try Self.takeOff(&schedule)
    #expect(second.transactions == [Self.creates("a")])
    schedule.land(second)
    try Self.expect([Self.creates("a/b")], &schedule)
  }

  @Test("sends by itself what must be alone, in its turn")
  func alone() throws {
    let alone = Transaction(kind: .creates, name: "b", isAlone: true)
    var schedule = Self.schedule([Self.creates("a"), alone, Self.creates("c")])
    let first = try Self.takeOff(&schedule)
    #expect(first.transactions == [Self.creates("a"), Self.creates("c")])
    schedule.land(first)
    schedule.add(Self.creates("d"))
    try Self.expect([alone], &schedule)
  }

  @Test("with several flights, sends side by side what concerns different locks, and one after the other what does not")
  func flights() throws {
    let all = [Self.creates("a"), Self.deletes("a"), Self.creates("b"), Self.reads("b/c"), Self.reads("d")]
    var schedule = Self.schedule(all, largestFlight: 1, mostFlights: 3)
    let first = try Self.takeOff(&schedule)
    #expect(first.transactions == [Self.creates("a")])
    try Self.expect([Self.creates("b")], &schedule)
    try Self.expect([Self.reads("d")], &schedule)
    Self.expectNone(&schedule)
    schedule.land(first)
    try Self.expect([Self.deletes("a")], &schedule)
    #expect(schedule.waiting == [Self.reads("b/c")])
  }

  @Test("lets nothing pass again and again what waits for a flight on its way")
  func fairness() throws {
    let all = [Self.creates("a/1"), Self.creates("a"), Self.creates("a/2")]
    var schedule = Self.schedule(all, largestFlight: 1, mostFlights: 3)
    let first = try Self.takeOff(&schedule)
    #expect(first.transactions == [Self.creates("a/1")])
    Self.expectNone(&schedule)
    schedule.land(first)
    try Self.expect([Self.creates("a")], &schedule)
  }

  @Test("keeps the order of a lock's transactions that are put back")
  func putBack() throws {
    var schedule = Self.schedule([Self.creates("a"), Self.reads("b")], largestFlight: 1)
    let first = try Self.takeOff(&schedule)
    schedule.add(Self.deletes("a"))
    schedule.land(first)
    schedule.putBack(first.transactions)
    #expect(schedule.waiting == [Self.creates("a"), Self.reads("b"), Self.deletes("a")])
  }
}
#endif

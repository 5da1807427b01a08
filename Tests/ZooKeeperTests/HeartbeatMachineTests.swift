import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@testable import ZooKeeper

@Suite("The proof that a session lives")
struct HeartbeatMachineTests {
  private static let timeout = Duration.seconds(12)
  private static let drift = Duration.milliseconds(122)
  private let start = ContinuousClock.now

  private func at(_ milliseconds: Int) -> ContinuousClock.Instant { self.start + .milliseconds(milliseconds) }

  private func connected() -> HeartbeatMachine {
    var machine = HeartbeatMachine(openedAt: self.start)
    _ = machine.connected(timeout: Self.timeout, now: self.at(10))
    return machine
  }

  /// Sends the beat that is due at a time and answers it later.
  private func beat(
    _ machine: inout HeartbeatMachine,
    at time: Int,
    answeredAt: Int,
    isGood: Bool = true
  ) throws -> Bool {
    let beat = try require(machine.tick(now: self.at(time)))
    return machine.answered(beat.id, isGood: isGood, now: self.at(answeredAt))
  }

  private func deadline(from milliseconds: Int) -> ContinuousClock.Instant {
    self.at(milliseconds) + Self.timeout - Self.drift
  }

  @Test("nothing is proven before the first connection")
  func beforeConnection() {
    var machine = HeartbeatMachine(openedAt: self.start)
    #expect(machine.deadline == nil)
    #expect(machine.nextBeat == nil)
    expectEqual(machine.tick(now: self.at(60_000)), nil)
  }

  @Test("a new session counts from the instant at which it was asked for")
  func newSession() {
    var machine = HeartbeatMachine(openedAt: self.start)
    expectEqual(machine.connected(timeout: Self.timeout, now: self.at(500)), true)
    #expect(machine.deadline == self.deadline(from: 0))
  }

  @Test("a new session that took nearly its whole time to connect is proven by heartbeats first")
  func slowNewSession() throws {
    var machine = HeartbeatMachine(openedAt: self.start)
    expectEqual(machine.connected(timeout: Self.timeout, now: self.at(8_000)), false)
    #expect(machine.deadline == nil)
    try expectEqual(self.beat(&machine, at: 8_000, answeredAt: 8_001), false)
    try expectEqual(self.beat(&machine, at: 9_000, answeredAt: 9_001), false)
    try expectEqual(self.beat(&machine, at: 10_000, answeredAt: 10_001), false)
    try expectEqual(self.beat(&machine, at: 11_000, answeredAt: 11_001), true)
    #expect(machine.deadline == self.deadline(from: 8_000))
  }

  @Test("an answer alone proves nothing")
  func oneAnswer() throws {
    var machine = self.connected()
    try expectEqual(self.beat(&machine, at: 10, answeredAt: 20), false)
    #expect(machine.deadline == self.deadline(from: 0))
  }

  @Test("a later heartbeat proves an earlier one only if it was sent a sixth of the timeout after the answer")
  func gap() throws {
    var machine = self.connected()
    try expectEqual(self.beat(&machine, at: 10, answeredAt: 20), false)
    try expectEqual(self.beat(&machine, at: 2_019, answeredAt: 2_020), false)
    try expectEqual(self.beat(&machine, at: 4_019, answeredAt: 4_030), true)
    #expect(machine.deadline == self.deadline(from: 10))
    try expectEqual(self.beat(&machine, at: 6_030, answeredAt: 6_031), true)
    #expect(machine.deadline == self.deadline(from: 4_019))
  }

  @Test("a session shorter than the least timeout proves nothing, however its heartbeats are answered")
  func tooShort() throws {
    var machine = HeartbeatMachine(openedAt: self.start, leastTimeout: Self.timeout + .milliseconds(1))
    expectEqual(machine.connected(timeout: Self.timeout, now: self.at(10)), false)
    #expect(machine.isTooShort && machine.deadline == nil)
    for time in stride(from: 10, to: 30_000, by: 1_000) {
      try expectEqual(self.beat(&machine, at: time, answeredAt: time + 1), false)
    }
    #expect(machine.deadline == nil)
  }

  @Test("a session that gets too short at a reconnect keeps no more of its deadline than the new timeout gives")
  func getsTooShort() throws {
    var machine = HeartbeatMachine(openedAt: self.start, leastTimeout: .seconds(8))
    expectEqual(machine.connected(timeout: Self.timeout, now: self.at(10)), true)
    try expectEqual(self.beat(&machine, at: 10, answeredAt: 11), false)
    #expect(!machine.isTooShort)
    machine.disconnected()
    expectEqual(machine.connected(timeout: .seconds(4), now: self.at(500)), false)
    let deadline = self.at(4_000) - .milliseconds(42)
    #expect(machine.isTooShort && machine.deadline == deadline)
    for time in stride(from: 500, to: 4_000, by: 400) {
      try expectEqual(self.beat(&machine, at: time, answeredAt: time + 1), false)
    }
    #expect(machine.deadline == deadline)
    // The smallest timeout counts, also when a later server gives more.
    machine.disconnected()
    expectEqual(machine.connected(timeout: Self.timeout, now: self.at(5_000)), false)
    #expect(machine.isTooShort)
  }

  @Test("in steady state the deadline stays three quarters of the timeout ahead")
  func steadyState() throws {
    var machine = self.connected()
    var time = 10
    for _ in 0..<100 {
      _ = try self.beat(&machine, at: time, answeredAt: time + 5)
      time += 1_000
    }
    let lead = try #require(machine.deadline) - self.at(time - 1_000)
    #expect(lead == Self.timeout * 3 / 4 - Self.drift)
  }

  @Test("heartbeats come one at a time, a twelfth of the timeout apart")
  func oneOutstanding() throws {
    var machine = self.connected()
    let first = try require(machine.tick(now: self.at(10)))
    expectEqual(machine.tick(now: self.at(5_000)), nil)
    #expect(machine.nextBeat == nil)
    _ = machine.answered(first.id, isGood: true, now: self.at(5_000))
    #expect(machine.nextBeat == self.at(1_010))
    #expect(machine.tick(now: self.at(5_000)) != nil)
  }

  @Test("a heartbeat that is never answered stops the deadline")
  func lostAnswer() throws {
    var machine = self.connected()
    for second in 0..<6 { _ = try self.beat(&machine, at: 10 + second * 1_000, answeredAt: 15 + second * 1_000) }
    let deadline = machine.deadline
    _ = try require(machine.tick(now: self.at(6_010)))
    expectEqual(machine.tick(now: self.at(60_000)), nil)
    #expect(machine.deadline == deadline)
  }

  @Test("a bad answer proves nothing, neither itself nor an earlier heartbeat")
  func badAnswer() throws {
    var machine = self.connected()
    try expectEqual(self.beat(&machine, at: 10, answeredAt: 20), false)
    try expectEqual(self.beat(&machine, at: 3_000, answeredAt: 3_001, isGood: false), false)
    #expect(machine.deadline == self.deadline(from: 0))
    try expectEqual(self.beat(&machine, at: 6_000, answeredAt: 6_001), true)
    #expect(machine.deadline == self.deadline(from: 10))
  }

  @Test("a heartbeat that could not be sent is as good as none")
  func refused() throws {
    var machine = self.connected()
    let beat = try require(machine.tick(now: self.at(10)))
    machine.refused(beat.id)
    expectEqual(machine.answered(beat.id, isGood: true, now: self.at(20)), false)
    #expect(machine.nextBeat == self.at(1_010))
  }

  @Test("an answer of an unknown heartbeat changes nothing")
  func unknownAnswer() throws {
    var machine = self.connected()
    let beat = try require(machine.tick(now: self.at(10)))
    expectEqual(machine.answered(beat.id + 1, isGood: true, now: self.at(20)), false)
    #expect(machine.nextBeat == nil)
  }

  @Test("being connected again proves what was sent and given up before, once the new connection has carried an answer")
  func reconnected() throws {
    var machine = self.connected()
    try expectEqual(self.beat(&machine, at: 1_000, answeredAt: 1_001), false)
    let lost = try require(machine.tick(now: self.at(2_000)))
    machine.disconnected()
    #expect(machine.nextBeat == nil)
    // The C client gives up what was under way before it connects again.
    expectEqual(machine.answered(lost.id, isGood: false, now: self.at(2_500)), false)
    #expect(machine.deadline == self.deadline(from: 0))
    // The leader that let us in may have been deposed: alone, that proves nothing.
    expectEqual(machine.connected(timeout: Self.timeout, now: self.at(5_000)), false)
    #expect(machine.deadline == self.deadline(from: 0))
    try expectEqual(self.beat(&machine, at: 5_000, answeredAt: 5_001), true)
    #expect(machine.deadline == self.deadline(from: 2_000))
  }

  @Test("a bad answer, or none, confirms nothing of an earlier connection")
  func unconfirmedReconnect() throws {
    var machine = self.connected()
    try expectEqual(self.beat(&machine, at: 1_000, answeredAt: 1_001), false)
    machine.disconnected()
    expectEqual(machine.connected(timeout: Self.timeout, now: self.at(2_000)), false)
    try expectEqual(self.beat(&machine, at: 2_000, answeredAt: 2_001, isGood: false), false)
    #expect(machine.deadline == self.deadline(from: 0))
  }

  @Test("being connected again proves nothing of a heartbeat that may have been sent after the servers looked")
  func reconnectedWithOpenBeat() throws {
    var machine = self.connected()
    // The loss and the new connection are behind us, but the news of them is late: this one goes over the new connection.
    let late = try require(machine.tick(now: self.at(4_000)))
    machine.disconnected()
    expectEqual(machine.connected(timeout: Self.timeout, now: self.at(4_001)), false)
    #expect(machine.deadline == self.deadline(from: 0))
    expectEqual(machine.answered(late.id, isGood: true, now: self.at(4_002)), false)
    try expectEqual(self.beat(&machine, at: 7_000, answeredAt: 7_001), true)
    #expect(machine.deadline == self.deadline(from: 4_000))
  }

  @Test("answers on two connections do not prove each other")
  func acrossConnections() throws {
    var machine = self.connected()
    _ = try self.beat(&machine, at: 1_000, answeredAt: 1_001)
    machine.disconnected()
    _ = machine.connected(timeout: Self.timeout, now: self.at(1_500))
    try expectEqual(self.beat(&machine, at: 1_500, answeredAt: 1_501), true)
    #expect(machine.deadline == self.deadline(from: 1_000))
    machine.disconnected()
    // Not even without news of the loss.
    _ = machine.connected(timeout: Self.timeout, now: self.at(2_000))
    _ = machine.connected(timeout: Self.timeout, now: self.at(2_001))
    try expectEqual(self.beat(&machine, at: 9_000, answeredAt: 9_001), true)
    #expect(machine.deadline == self.deadline(from: 1_500))
  }

  @Test("after a new connection the next heartbeat is due at once")
  func promptAfterReconnect() throws {
    var machine = self.connected()
    _ = try self.beat(&machine, at: 10, answeredAt: 11)
    machine.disconnected()
    _ = machine.connected(timeout: Self.timeout, now: self.at(100))
    #expect(machine.tick(now: self.at(100)) != nil)
  }

  @Test(
    "of two timeouts the smaller counts",
    arguments: [(Duration.seconds(6), Duration.seconds(6)), (.seconds(24), .seconds(12))]
  )
  func changingTimeout(negotiated: Duration, counting: Duration) throws {
    var machine = self.connected()
    _ = try self.beat(&machine, at: 1_000, answeredAt: 1_001)
    machine.disconnected()
    _ = machine.connected(timeout: negotiated, now: self.at(2_000))
    #expect(machine.timeout == counting)
    _ = try self.beat(&machine, at: 2_000, answeredAt: 2_001)
    let drift = counting / 100 + .milliseconds(2)
    #expect(machine.deadline == self.at(1_000) + counting - drift)
  }

  @Test("a deadline never moves back while the timeout stays")
  func monotonic() throws {
    var random = SplitMix(seed: 7)
    var machine = self.connected()
    var time = 10
    var newest = try #require(machine.deadline)
    for _ in 0..<2_000 {
      time += Int.random(in: 0..<900, using: &random)
      switch Int.random(in: 0..<8, using: &random) {
      case 0: machine.disconnected()
      case 1: _ = machine.connected(timeout: Self.timeout, now: self.at(time))
      default:
        guard let beat = machine.tick(now: self.at(time)) else { continue }
        time += Int.random(in: 0..<900, using: &random)
        _ = machine.answered(beat.id, isGood: Bool.random(using: &random), now: self.at(time))
      }
      let deadline = try #require(machine.deadline)
      #expect(deadline >= newest)
      newest = deadline
    }
  }
}

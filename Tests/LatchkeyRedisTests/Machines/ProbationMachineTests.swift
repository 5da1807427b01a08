import LatchkeyTestSupport
import Testing

@testable import LatchkeyRedis

@Suite("Whether a server of a quorum is believed")
struct ProbationMachineTests {
  private static let start = ContinuousClock.now
  private static let length = Duration.seconds(10)

  private static func run(_ id: String, up uptime: Duration, at delay: Duration = .zero) -> RedisServerIdentity {
    RedisServerIdentity(runID: id, uptime: uptime, readAt: Self.start.advanced(by: delay))
  }

  /// The first run that is seen: how long it has been up, and whether it is believed at once.
  static let first: [(uptime: Duration, isBelieved: Bool)] = [
    (.zero, false), (.seconds(10), false), (.seconds(19), false), (.seconds(20), true), (.seconds(86_400), true),
  ]

  @Test(
    "depends at first on how long it has been up by its own clock: twice as long as it would wait",
    arguments: Self.first
  )
  func firstRun(uptime: Duration, isBelieved: Bool) {
    var machine = ProbationMachine(length: Self.length)
    let end = machine.end(for: Self.run("a", up: uptime), at: Self.start)
    expectEqual(end, isBelieved ? nil : Self.start.advanced(by: Self.length))
  }

  @Test("it is believed when its time is over by our clock, not before, and stays believed")
  func served() {
    var machine = ProbationMachine(length: Self.length)
    let run = Self.run("a", up: .zero)
    for delay in [Duration.zero, .seconds(9), .milliseconds(9999)] {
      #expect(machine.end(for: run, at: Self.start.advanced(by: delay)) != nil)
    }
    for delay in [Duration.seconds(10), .seconds(11)] {
      #expect(machine.end(for: run, at: Self.start.advanced(by: delay)) == nil)
    }
  }

  @Test("a run that follows another waits, however long it has been up", arguments: [Duration.zero, .seconds(86_400)])
  func successor(uptime: Duration) {
    var machine = ProbationMachine(length: Self.length)
    #expect(machine.end(for: Self.run("a", up: .seconds(86_400)), at: Self.start) == nil)
    let later = Self.run("b", up: uptime, at: .seconds(1))
    expectEqual(
      machine.end(for: later, at: Self.start.advanced(by: .seconds(1))),
      Self.start.advanced(by: .seconds(11))
    )
    #expect(machine.end(for: later, at: Self.start.advanced(by: .seconds(11))) == nil)
  }

  @Test("a run that is known to have been empty is believed at once, whatever it follows")
  func known() {
    var machine = ProbationMachine(length: Self.length)
    #expect(machine.end(for: Self.run("a", up: .zero), isKnown: { true }, at: Self.start) == nil)
    #expect(machine.end(for: Self.run("b", up: .zero), isKnown: { true }, at: Self.start) == nil)
  }

  @Test("believing whoever has been up for long would believe a server that takes over an address")
  func rulesMatter() {
    var rules = ProbationMachine.Rules.sound
    rules.distrustsSuccessors = false
    var machine = ProbationMachine(length: Self.length, rules: rules)
    #expect(machine.end(for: Self.run("a", up: .seconds(86_400)), at: Self.start) == nil)
    #expect(machine.end(for: Self.run("b", up: .seconds(86_400)), at: Self.start) == nil)
  }
}

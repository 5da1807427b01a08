import LatchkeyTestSupport
import Testing

@testable import LatchkeyRedis

@Suite("The renewal of leases")
struct RenewalMachineTests {
  private let start = ContinuousClock.now

  private func at(_ delay: Duration) -> ContinuousClock.Instant { self.start.advanced(by: delay) }

  private func machine(_ change: (inout RenewalMachine.Rules) -> Void = { _ in }) -> RenewalMachine {
    var rules = RenewalMachine.Rules(timeToLive: .seconds(30))
    change(&rules)
    var machine = RenewalMachine(rules: rules)
    _ = machine.handle(.granted(lease: 1, sentAt: self.start), at: self.at(.milliseconds(5)))
    return machine
  }

  private func answered(
    _ machine: inout RenewalMachine,
    _ answer: ExtensionAnswer,
    sentAt: Duration,
    at now: Duration
  ) -> [RenewalAction] {
    machine.handle(.answered(lease: 1, sentAt: self.at(sentAt), timeToLive: .seconds(30), answer), at: self.at(now))
  }

  @Test("takes one in a hundred and two milliseconds off the TTL, and counts from the sending")
  func drift() {
    for (timeToLive, validity) in [(10, 7.9), (100, 97), (1000, 988), (30_000, 29_698)] {
      let deadline = LeaseTime.deadline(sentAt: self.start, timeToLive: .milliseconds(timeToLive))
      #expect(self.start.duration(to: deadline) == .microseconds(Int64(validity * 1000)))
    }
  }

  @Test("comes at a third of the TTL, and moves the deadline to what its own sending proves")
  func renews() {
    var machine = self.machine()
    let extended = RenewalAction.Extension(lease: 1, timeToLive: .seconds(30))
    let actions = machine.handle(.tick, at: self.at(.seconds(10)))
    expectEqual(actions.first, .extend([extended]))
    // The reply takes four seconds, which count for nothing.
    let deadline = LeaseTime.deadline(sentAt: self.at(.seconds(10)), timeToLive: .seconds(30))
    expectEqual(
      self.answered(&machine, .extended, sentAt: .seconds(10), at: .seconds(14)).first,
      .advance(lease: 1, deadline: deadline)
    )
    // An alarm that rings before anything is due changes nothing.
    expectEqual(machine.handle(.tick, at: self.at(.seconds(15))), [])
    #expect(machine.wakeAt == self.at(.seconds(20)))
  }

  @Test("sets no more than three alarms at a time, however often a lease is extended")
  func alarms() throws {
    var machine = self.machine()
    var alarms = [self.at(.seconds(10))]
    var extensions = 0
    while extensions < 200 {
      let now = try #require(alarms.min())
      alarms.removeAll { $0 == now }
      for action in machine.handle(.tick, at: now) {
        switch action {
        case .wake(let instant): alarms.append(instant)
        case .extend:
          extensions += 1
          let answered = RenewalEvent.answered(lease: 1, sentAt: now, timeToLive: .seconds(30), .extended)
          for case .wake(let instant) in machine.handle(answered, at: now.advanced(by: .milliseconds(3))) {
            alarms.append(instant)
          }
        case .advance, .lose, .expire: break
        }
      }
      #expect(alarms.count <= 3)
      let next = try #require(alarms.min())
      #expect(next <= now.advanced(by: .seconds(10)), "the next extension is not forgotten")
    }
  }

  @Test("takes along what will be due soon")
  func batches() {
    var machine = self.machine()
    _ = machine.handle(.granted(lease: 2, sentAt: self.at(.seconds(2))), at: self.at(.seconds(2)))
    _ = machine.handle(.granted(lease: 3, sentAt: self.at(.seconds(5))), at: self.at(.seconds(5)))
    guard case .extend(let extensions)? = machine.handle(.tick, at: self.at(.seconds(10))).first else {
      Issue.record("nothing is extended")
      return
    }
    #expect(Set(extensions.map(\.lease)) == [1, 2])
  }

  @Test("that fails is tried again until the deadline, and one that succeeds in time saves the lease")
  func retries() {
    var machine = self.machine()
    var now = Duration.seconds(10)
    var tries = 0
    while now < .seconds(25) {
      let actions = machine.handle(.tick, at: self.at(now))
      if actions.contains(where: { if case .extend = $0 { true } else { false } }) {
        tries += 1
        _ = self.answered(&machine, .unknown, sentAt: now, at: now)
      }
      now += .milliseconds(100)
    }
    #expect(tries >= 20)
    _ = machine.handle(.tick, at: self.at(now + .seconds(1)))
    let actions = self.answered(&machine, .extended, sentAt: now + .seconds(1), at: now + .seconds(2))
    #expect(actions.contains { if case .advance = $0 { true } else { false } })
  }

  @Test("that fails for good ends with the deadline")
  func failsForGood() {
    var machine = self.machine()
    _ = machine.handle(.tick, at: self.at(.seconds(10)))
    _ = self.answered(&machine, .unknown, sentAt: .seconds(10), at: .seconds(11))
    expectEqual(machine.handle(.tick, at: self.at(.seconds(30))), [.expire(lease: 1)])
    #expect(machine.count == 0)
  }

  @Test("never revives a deadline that has passed")
  func neverRevives() {
    var machine = self.machine()
    _ = machine.handle(.tick, at: self.at(.seconds(10)))
    expectEqual(self.answered(&machine, .extended, sentAt: .seconds(10), at: .seconds(30)), [.expire(lease: 1)])
    var careless = self.machine { $0.staysLost = false }
    _ = careless.handle(.tick, at: self.at(.seconds(10)))
    let revived = self.answered(&careless, .extended, sentAt: .seconds(10), at: .seconds(30))
    #expect(revived.contains { if case .advance = $0 { true } else { false } }, "the rule is what keeps it")
  }

  @Test("of a key that is gone or another's is a loss at once")
  func loses() {
    var machine = self.machine()
    _ = machine.handle(.tick, at: self.at(.seconds(10)))
    expectEqual(self.answered(&machine, .lost, sentAt: .seconds(10), at: .seconds(11)), [.lose(lease: 1)])
  }

  @Test("stops when the longest hold is reached, so that the lease ends no later")
  func longestHold() {
    var machine = self.machine { $0.longestHold = .seconds(45) }
    expectEqual(
      machine.handle(.tick, at: self.at(.seconds(10))).first,
      .extend([.init(lease: 1, timeToLive: .seconds(30))])
    )
    _ = self.answered(&machine, .extended, sentAt: .seconds(10), at: .seconds(10))
    let last = machine.handle(.tick, at: self.at(.seconds(20))).first
    expectEqual(last, .extend([.init(lease: 1, timeToLive: .seconds(25))]))
    let reply = RenewalEvent.answered(lease: 1, sentAt: self.at(.seconds(20)), timeToLive: .seconds(25), .extended)
    _ = machine.handle(reply, at: self.at(.seconds(20)))
    for second in 28..<44 {
      let actions = machine.handle(.tick, at: self.at(.seconds(second)))
      #expect(!actions.contains { if case .extend = $0 { true } else { false } })
    }
    #expect(machine.handle(.tick, at: self.at(.seconds(45))).contains(.expire(lease: 1)))
  }

  @Test("is left alone where it is switched off, except on demand")
  func onDemand() {
    var machine = self.machine { $0.renews = false }
    // The alarm for its deadline was set at the grant.
    expectEqual(machine.handle(.tick, at: self.at(.seconds(20))), [])
    #expect(machine.wakeAt == LeaseTime.deadline(sentAt: self.start, timeToLive: .seconds(30)))
    let wanted = machine.handle(.wanted(lease: 1), at: self.at(.seconds(21)))
    expectEqual(wanted, [.extend([.init(lease: 1, timeToLive: .seconds(30))])])
  }

  @Test("ends with the lease: a late answer means nothing")
  func ended() {
    var machine = self.machine()
    _ = machine.handle(.tick, at: self.at(.seconds(10)))
    _ = machine.handle(.ended(lease: 1), at: self.at(.seconds(11)))
    expectEqual(self.answered(&machine, .extended, sentAt: .seconds(10), at: .seconds(12)), [])
    expectEqual(machine.handle(.tick, at: self.at(.seconds(20))), [])
  }

  @Test("needs a quorum: a minority that lost the key is ridden out, a majority is a loss, silence is neither")
  func tally() {
    var tally = ExtensionTally(nodes: 5, leases: 2)
    #expect(tally.count([true, true]).isEmpty)
    #expect(tally.count([true, false]).isEmpty)
    let third = tally.count([true, false])
    #expect(third.map(\.lease) == [0] && third.map(\.answer) == [.extended])
    let fourth = tally.count([false, false])
    #expect(fourth.map(\.lease) == [1] && fourth.map(\.answer) == [.lost])
    #expect(tally.count(nil).isEmpty)

    var silent = ExtensionTally(nodes: 5, leases: 1)
    _ = silent.count([true])
    _ = silent.count([true])
    _ = silent.count(nil)
    #expect(silent.count([nil]).isEmpty)
    #expect(silent.close().map(\.answer) == [.unknown])
    #expect(silent.count([true]).isEmpty)
  }
}

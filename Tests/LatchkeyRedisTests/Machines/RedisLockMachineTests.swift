import Latchkey
import LatchkeyTestSupport
import Testing

@testable import LatchkeyRedis

@Suite("One client at one Redis lock")
struct RedisLockMachineTests {
  private static let waits = Demand(waits: true)
  private static let tries = Demand(tries: true)
  private static let nobody = Demand()
  private static let failure = LockFailure(LockError(.unreachable, name: .modelled, message: "no"))

  private func machine(_ change: (inout RedisLockMachine.Rules) -> Void = { _ in }) -> RedisLockMachine {
    var rules = RedisLockMachine.Rules()
    change(&rules)
    return RedisLockMachine(rules: rules)
  }

  /// A machine whose first attempt holds the lock.
  private func held(_ change: (inout RedisLockMachine.Rules) -> Void = { _ in }) -> RedisLockMachine {
    var machine = self.machine(change)
    expectEqual(machine.want(Self.waits), [.send(.ask(attempt: 1, isNew: true))])
    expectEqual(machine.handle(.answered(attempt: 1, .granted)), [.grant(1)])
    machine.demand = Self.nobody
    return machine
  }

  /// A machine that waits behind another process.
  private func waiting(_ change: (inout RedisLockMachine.Rules) -> Void = { _ in }) -> (
    machine: RedisLockMachine, alarm: UInt64
  ) {
    var machine = self.machine(change)
    _ = machine.want(Self.waits)
    let actions = machine.handle(.answered(attempt: 1, .busy(remaining: .seconds(20))))
    return (machine, Self.alarm(actions) ?? 0)
  }

  private static func alarm(_ actions: [RedisLockAction]) -> UInt64? {
    for case .send(.rest(let alarm, _, _)) in actions { return alarm }
    return nil
  }

  @Test("a try that comes while a request is out is not answered by it: the lock may have been released since")
  func newcomers() {
    var machine = self.machine()
    _ = machine.want(Self.tries)
    expectEqual(machine.want(Demand(tries: true, newTries: true)), [])
    let again = RedisLockAction.send(.ask(attempt: 1, isNew: false))
    expectEqual(machine.handle(.answered(attempt: 1, .busy(remaining: nil))), [.turnAwayEarlier(nil), again])
    expectEqual(machine.demand, Self.tries)
    expectEqual(machine.handle(.answered(attempt: 1, .busy(remaining: nil))), [.turnAway(nil)])
    #expect(machine.isIdle)

    // Of newcomers alone, nobody is answered yet; behind a caller that waits, all are.
    _ = machine.want(Self.tries)
    expectEqual(machine.want(Demand(newTries: true)), [])
    expectEqual(machine.handle(.answered(attempt: 2, .busy(remaining: nil))), [.send(.ask(attempt: 2, isNew: false))])
    _ = machine.want(Demand(waits: true, tries: true, newTries: true))
    expectEqual(machine.handle(.answered(attempt: 2, .busy(remaining: nil))).first, .turnAway(nil))
    expectEqual(machine.demand, Self.waits)
  }

  @Test("nobody contends: one request, and neither a subscription nor an alarm")
  func uncontended() {
    var machine = self.held()
    expectEqual(machine.released(1), [.send(.release(attempt: 1))])
    expectEqual(machine.handle(.releaseSettled(attempt: 1, notified: 0)), [])
    #expect(machine.isIdle)
  }

  @Test("a lock that is given back with somebody in line is released and asked for in one flight")
  func handOver() {
    var machine = self.held()
    expectEqual(machine.want(Self.waits), [])
    expectEqual(machine.released(1), [.send(.release(attempt: 1)), .send(.ask(attempt: 2, isNew: true))])
  }

  @Test("after a number of such hand-overs, other processes that wait get a chance")
  func courtesy() {
    var machine = self.held { $0.handOverLimit = 3 }
    _ = machine.want(Self.waits)
    for attempt in 1...2 as ClosedRange<UInt64> {
      _ = machine.released(attempt)
      _ = machine.handle(.answered(attempt: attempt + 1, .granted))
    }
    expectEqual(machine.released(3), [.send(.release(attempt: 3))])
    let actions = machine.handle(.releaseSettled(attempt: 3, notified: 1))
    let alarm = Self.alarm(actions)
    #expect(alarm != nil && actions.count == 1)
    // The word of our own release does not cut the pause short.
    expectEqual(machine.handle(.woken), [])
    expectEqual(machine.handle(.alarm(alarm ?? 0)), [.send(.ask(attempt: 4, isNew: true))])
  }

  @Test("where nobody else was told of the release, nobody is waited for")
  func noCourtesyForNobody() {
    var machine = self.held { $0.handOverLimit = 1 }
    _ = machine.want(Self.waits)
    expectEqual(machine.released(1), [.send(.release(attempt: 1))])
    expectEqual(machine.handle(.releaseSettled(attempt: 1, notified: 0)), [.send(.ask(attempt: 2, isNew: true))])
  }

  @Test("where releases are not published, others get their chance whether they wait or not")
  func courtesyUnheard() {
    let courtesy = Duration.milliseconds(10)...(.milliseconds(30))
    var machine = self.held {
      $0.usesWakeUps = false
      $0.handOverLimit = 1
      $0.courtesy = courtesy
    }
    _ = machine.want(Self.waits)
    expectEqual(machine.released(1), [.send(.release(attempt: 1))])
    let actions = machine.handle(.releaseSettled(attempt: 1, notified: 0))
    let alarm = Self.alarm(actions) ?? 0
    expectEqual(
      actions,
      [.send(.rest(alarm: alarm, atLeast: courtesy.lowerBound, atMost: courtesy.upperBound))]
    )
    expectEqual(machine.handle(.alarm(alarm)), [.send(.ask(attempt: 2, isNew: true))])
  }

  @Test("when the lock has been handed on within the process for long enough, others get their chance")
  func tenure() {
    var machine = self.held {
      $0.usesWakeUps = false
      $0.handOverLimit = .max
      $0.tenure = .seconds(1)
    }
    _ = machine.want(Self.waits)
    let first = machine.released(1)
    let alarm = Self.alarm(first) ?? 0
    expectEqual(
      first,
      [
        .send(.release(attempt: 1)), .send(.ask(attempt: 2, isNew: true)),
        .send(.rest(alarm: alarm, atLeast: .seconds(1), atMost: .seconds(1))),
      ]
    )
    _ = machine.handle(.answered(attempt: 2, .granted))
    // One alarm is enough.
    expectEqual(machine.released(2), [.send(.release(attempt: 2)), .send(.ask(attempt: 3, isNew: true))])
    _ = machine.handle(.answered(attempt: 3, .granted))
    expectEqual(machine.handle(.alarm(alarm)), [])
    expectEqual(machine.released(3), [.send(.release(attempt: 3))])
    let pause = Self.alarm(machine.handle(.releaseSettled(attempt: 3, notified: 0)))
    #expect(pause != nil && pause != alarm)
    expectEqual(machine.handle(.alarm(pause ?? 0)), [.send(.ask(attempt: 4, isNew: true))])
  }

  @Test("a held lock is subscribed to, asked for again when that is confirmed, and polled behind it")
  func waits() {
    var machine = self.machine()
    _ = machine.want(Self.waits)
    let actions = machine.handle(.answered(attempt: 1, .busy(remaining: .milliseconds(40))))
    guard case .send(.subscribe)? = actions.first,
      case .send(.rest(let alarm, let atLeast, let atMost))? = actions.last
    else {
      Issue.record("\(actions)")
      return
    }
    #expect(atLeast >= .milliseconds(40) && atMost <= .milliseconds(50), "when the key expires, and not before")
    expectEqual(machine.handle(.subscribed), [.send(.ask(attempt: 1, isNew: false))])
    let again = machine.handle(.answered(attempt: 1, .busy(remaining: nil)))
    #expect(again.count == 1)
    expectEqual(machine.handle(.alarm(alarm)), [])
    expectEqual(machine.handle(.alarm(Self.alarm(again) ?? 0)), [.send(.ask(attempt: 1, isNew: false))])
  }

  @Test("a word that comes while the lock is asked for is not lost")
  func wordWhileAsking() {
    var (machine, alarm) = self.waiting()
    _ = machine.handle(.alarm(alarm))
    expectEqual(machine.handle(.woken), [])
    expectEqual(machine.handle(.answered(attempt: 1, .busy(remaining: nil))), [.send(.ask(attempt: 1, isNew: false))])
    var (careless, other) = self.waiting { $0.remembersWakeUps = false }
    _ = careless.handle(.alarm(other))
    _ = careless.handle(.woken)
    let lost = careless.handle(.answered(attempt: 1, .busy(remaining: nil)))
    #expect(Self.alarm(lost) != nil, "the rule is what keeps it")
  }

  @Test("a subscription that is lost leaves the poll, and is made again with the next try")
  func lostSubscription() {
    var (machine, alarm) = self.waiting()
    expectEqual(machine.handle(.unsubscribed), [])
    _ = machine.handle(.alarm(alarm))
    let actions = machine.handle(.answered(attempt: 1, .busy(remaining: nil)))
    expectEqual(actions.first, .send(.subscribe))
    #expect(Self.alarm(actions) != nil)
  }

  @Test("subscriptions that end with each confirmation have the lock asked for no more often than the poll does")
  func brokenSubscriptions() {
    /// How often the lock is asked for without the poll, while subscriptions end at once.
    func requests(_ change: (inout RedisLockMachine.Rules) -> Void = { _ in }) -> (Int, RedisLockMachine, alarm: UInt64)
    {
      var (machine, alarm) = self.waiting(change)
      for round in 0..<10 {
        let asked = machine.handle(.subscribed)
        _ = machine.handle(.unsubscribed)
        guard asked == [.send(.ask(attempt: 1, isNew: false))] else { return (round, machine, alarm) }
        let actions = machine.handle(.answered(attempt: 1, .busy(remaining: nil)))
        expectEqual(actions.first, .send(.subscribe))
        alarm = Self.alarm(actions) ?? 0
      }
      return (10, machine, alarm)
    }
    var (count, machine, alarm) = requests()
    #expect(count == 2)
    #expect(requests { $0.doubtsSubscriptions = false }.0 == 10, "the rule is what ends it")
    expectEqual(machine.handle(.alarm(alarm)), [.send(.ask(attempt: 1, isNew: false))])
    // One that brings a word, or lasts for a pause, is believed again.
    for isWord in [true, false] {
      let actions = machine.handle(.answered(attempt: 1, .busy(remaining: nil)))
      expectEqual(machine.handle(.subscribed), [])
      let next = isWord ? RedisLockEvent.woken : .alarm(Self.alarm(actions) ?? 0)
      expectEqual(machine.handle(next), [.send(.ask(attempt: 1, isNew: false))])
      #expect(machine.brokenSubscriptions == 0)
      (_, machine, alarm) = requests()
      _ = machine.handle(.alarm(alarm))
    }
  }

  @Test("a reply that is lost is asked for again by the same owner")
  func lostReply() {
    var machine = self.machine()
    _ = machine.want(Self.waits)
    let actions = machine.handle(.answered(attempt: 1, .unreachable(Self.failure)))
    expectEqual(machine.outage, Self.failure)
    expectEqual(machine.handle(.alarm(Self.alarm(actions) ?? 0)), [.send(.ask(attempt: 1, isNew: false))])
    expectEqual(machine.handle(.answered(attempt: 1, .granted)), [.grant(1)])
    expectEqual(machine.outage, nil)
  }

  @Test(
    "a server that stays silent is asked ever less often, but every second at least, until it answers",
    arguments: [Duration.seconds(1), .seconds(60)]
  )
  func silence(pollCeiling: Duration) {
    var machine = self.machine { $0.pollCeiling = pollCeiling }
    _ = machine.want(Self.waits)
    func pause(after answer: RedisLockAnswer) -> Duration {
      let actions = machine.handle(.answered(attempt: 1, answer))
      guard case .send(.rest(let alarm, let atLeast, let atMost)) = actions.last else { return .zero }
      #expect(atLeast < atMost && atMost <= .seconds(1))
      _ = machine.handle(.alarm(alarm))
      return atLeast
    }
    let silences = (0..<5).map { _ in pause(after: .unreachable(Self.failure, isSilence: true)) }
    let half = Duration.milliseconds(500)
    expectEqual(silences, [.milliseconds(10), .milliseconds(250), half, half, half])
    // Nobody there costs nobody anything, and is asked for often.
    expectEqual(pause(after: .unreachable(Self.failure)), .milliseconds(10))
    expectEqual(pause(after: .unreachable(Self.failure, isSilence: true)), .milliseconds(10))
  }

  @Test("what an attempt in doubt may hold is released when the last caller has gone")
  func doubt() {
    var machine = self.machine()
    _ = machine.want(Self.waits)
    _ = machine.handle(.answered(attempt: 1, .unreachable(Self.failure)))
    expectEqual(machine.want(Self.nobody), [.send(.release(attempt: 1))])
    var clean = self.waiting().machine
    #expect(!clean.want(Self.nobody).contains(.send(.release(attempt: 1))), "nothing of it is there")
  }

  @Test("a quorum is asked again by a new owner: the last one's vote releases what it planted")
  func freshOwner() {
    var (machine, alarm) = self.waiting {
      $0.repeatsOwner = false
      $0.usesWakeUps = false
    }
    expectEqual(machine.handle(.alarm(alarm)), [.send(.ask(attempt: 2, isNew: true))])
  }

  @Test("a grant that crosses the cancellation of its only caller is released")
  func crossing() {
    var machine = self.machine()
    _ = machine.want(Self.waits)
    expectEqual(machine.want(Self.nobody), [])
    expectEqual(machine.handle(.answered(attempt: 1, .granted)), [.send(.release(attempt: 1))])
  }

  @Test("a caller who would not wait is told busy, or why nobody knows")
  func impatient() {
    var machine = self.machine()
    expectEqual(machine.want(Self.tries), [.send(.ask(attempt: 1, isNew: true))])
    expectEqual(machine.handle(.answered(attempt: 1, .busy(remaining: nil))), [.turnAway(nil)])
    expectEqual(machine.want(Self.tries), [.send(.ask(attempt: 2, isNew: true))])
    expectEqual(
      machine.handle(.answered(attempt: 2, .unreachable(Self.failure))),
      [.failTries(Self.failure), .send(.release(attempt: 2))]
    )
    var held = self.held()
    expectEqual(held.want(Self.tries), [.turnAway(nil)])
    var behind = self.waiting().machine
    expectEqual(behind.want(Demand(waits: true, tries: true)), [.turnAway(nil)])
  }

  @Test("an error that is final ends everybody's wait")
  func refused() {
    var machine = self.machine()
    _ = machine.want(Self.waits)
    expectEqual(machine.handle(.answered(attempt: 1, .refused(Self.failure, inDoubt: false))), [.fail(Self.failure)])
    #expect(machine.isIdle)
    _ = machine.want(Self.waits)
    expectEqual(
      machine.handle(.answered(attempt: 2, .refused(Self.failure, inDoubt: true))),
      [.fail(Self.failure), .send(.release(attempt: 2))]
    )
  }

  @Test("whoever finds in the way what this process has just released waits for that release")
  func ownRelease() {
    var machine = self.held()
    _ = machine.want(Self.waits)
    _ = machine.released(1)
    expectEqual(machine.handle(.answered(attempt: 2, .busyWithOwn)), [])
    expectEqual(machine.handle(.releaseSettled(attempt: 1, notified: 0)), [.send(.ask(attempt: 2, isNew: false))])
    // Where the release has failed, the line does not spin.
    let again = machine.handle(.answered(attempt: 2, .busyWithOwn))
    #expect(Self.alarm(again) != nil)
  }

  @Test("a subscription outlasts a grant for a while, and is then given up")
  func linger() {
    var (machine, _) = self.waiting()
    _ = machine.handle(.subscribed)
    let actions = machine.handle(.answered(attempt: 1, .granted))
    expectEqual(actions.first, .grant(1))
    let alarm = Self.alarm(actions) ?? 0
    machine.demand = Self.nobody
    _ = machine.released(1)
    _ = machine.handle(.releaseSettled(attempt: 1, notified: 1))
    #expect(!machine.isIdle)
    expectEqual(machine.handle(.alarm(alarm)), [.send(.unsubscribe)])
    #expect(machine.isIdle)
  }
}

extension RedisLockMachine {
  /// Callers have come or gone.
  fileprivate mutating func want(_ demand: Demand) -> [RedisLockAction] {
    self.demand = demand
    return self.demandChanged()
  }
}

import Testing

@testable import LatchkeyRedis

@Suite("The turns at one lock")
struct TurnMachineTests {
  private func machine(_ change: (inout TurnMachine.Rules) -> Void = { _ in }) -> TurnMachine {
    var rules = TurnMachine.Rules()
    change(&rules)
    return TurnMachine(rules: rules)
  }

  /// A machine whose first attempt holds the lock.
  private func held(_ change: (inout TurnMachine.Rules) -> Void = { _ in }) -> TurnMachine {
    var machine = self.machine(change)
    expectEqual(machine.handle(.joined(patient: true)), [.ask(attempt: 1, isNew: true)])
    expectEqual(machine.handle(.answered(attempt: 1, .granted)), [.grant(attempt: 1)])
    expectEqual(machine.served(patient: true), [])
    return machine
  }

  /// A machine that waits behind another process.
  private func waiting(_ change: (inout TurnMachine.Rules) -> Void = { _ in }) -> (machine: TurnMachine, alarm: UInt64)
  {
    var machine = self.machine(change)
    _ = machine.handle(.joined(patient: true))
    let actions = machine.handle(.answered(attempt: 1, .busy(remaining: .seconds(20))))
    return (machine, Self.alarm(actions) ?? 0)
  }

  private static func alarm(_ actions: [TurnAction]) -> UInt64? {
    for case .rest(let alarm, _, _) in actions { return alarm }
    return nil
  }

  @Test("a try that comes while a request is out is not answered by it: the lock may have been released since")
  func newcomers() {
    var machine = self.machine()
    _ = machine.handle(.joined(patient: false))
    expectEqual(machine.handle(.joined(patient: false)), [])
    let again = TurnAction.ask(attempt: 1, isNew: false)
    expectEqual(machine.handle(.answered(attempt: 1, .busy(remaining: nil))), [.answerEarlierImpatient, again])
    expectEqual(machine.impatient, 1)
    expectEqual(machine.handle(.answered(attempt: 1, .busy(remaining: nil))), [.answerImpatient])
    #expect(machine.isIdle)

    // Of newcomers alone, nobody is answered yet; behind a caller that waits, all are.
    _ = machine.handle(.joined(patient: false))
    _ = machine.handle(.joined(patient: false))
    _ = machine.handle(.left(patient: false))
    expectEqual(machine.handle(.answered(attempt: 2, .busy(remaining: nil))), [.ask(attempt: 2, isNew: false)])
    _ = machine.handle(.joined(patient: true))
    _ = machine.handle(.joined(patient: false))
    expectEqual(machine.handle(.answered(attempt: 2, .busy(remaining: nil))).first, .answerImpatient)
    expectEqual(machine.newcomers, 0)
  }

  @Test("nobody contends: one request, and neither a subscription nor an alarm")
  func uncontended() {
    var machine = self.held()
    expectEqual(machine.handle(.ended(attempt: 1)), [.release(attempt: 1)])
    expectEqual(machine.handle(.releaseSettled(attempt: 1, told: 0)), [])
    #expect(machine.isIdle)
  }

  @Test("a lock that is given back with somebody in line is released and asked for in one flight")
  func handOver() {
    var machine = self.held()
    expectEqual(machine.handle(.joined(patient: true)), [])
    expectEqual(machine.handle(.joined(patient: true)), [])
    expectEqual(machine.handle(.ended(attempt: 1)), [.release(attempt: 1), .ask(attempt: 2, isNew: true)])
  }

  @Test("after a number of such hand-overs, other processes that wait get a chance")
  func courtesy() {
    var machine = self.held { $0.handOverLimit = 3 }
    for _ in 0..<9 { _ = machine.handle(.joined(patient: true)) }
    for attempt in 1...2 as ClosedRange<UInt64> {
      _ = machine.handle(.ended(attempt: attempt))
      _ = machine.handle(.answered(attempt: attempt + 1, .granted))
      _ = machine.served(patient: true)
    }
    expectEqual(machine.handle(.ended(attempt: 3)), [.release(attempt: 3)])
    let actions = machine.handle(.releaseSettled(attempt: 3, told: 1))
    let alarm = Self.alarm(actions)
    #expect(alarm != nil && actions.count == 1)
    // The word of our own release does not cut the pause short.
    expectEqual(machine.handle(.woken), [])
    expectEqual(machine.handle(.alarm(alarm ?? 0)), [.ask(attempt: 4, isNew: true)])
  }

  @Test("where nobody else was told of the release, nobody is waited for")
  func noCourtesyForNobody() {
    var machine = self.held { $0.handOverLimit = 1 }
    _ = machine.handle(.joined(patient: true))
    expectEqual(machine.handle(.ended(attempt: 1)), [.release(attempt: 1)])
    expectEqual(machine.handle(.releaseSettled(attempt: 1, told: 0)), [.ask(attempt: 2, isNew: true)])
  }

  @Test("where releases are not published, others get their chance whether they wait or not")
  func courtesyUnheard() {
    let courtesy = Duration.milliseconds(10)...(.milliseconds(30))
    var machine = self.held {
      $0.usesWakeUps = false
      $0.handOverLimit = 1
      $0.courtesy = courtesy
    }
    _ = machine.handle(.joined(patient: true))
    expectEqual(machine.handle(.ended(attempt: 1)), [.release(attempt: 1)])
    let actions = machine.handle(.releaseSettled(attempt: 1, told: 0))
    let alarm = Self.alarm(actions) ?? 0
    expectEqual(
      actions,
      [.rest(alarm: alarm, atLeast: courtesy.lowerBound, atMost: courtesy.upperBound)]
    )
    expectEqual(machine.handle(.alarm(alarm)), [.ask(attempt: 2, isNew: true)])
  }

  @Test("when the lock has been handed on within the process for long enough, others get their chance")
  func tenure() {
    var machine = self.held {
      $0.usesWakeUps = false
      $0.handOverLimit = .max
      $0.tenure = .seconds(1)
    }
    for _ in 0..<9 { _ = machine.handle(.joined(patient: true)) }
    let first = machine.handle(.ended(attempt: 1))
    let alarm = Self.alarm(first) ?? 0
    expectEqual(
      first,
      [
        .release(attempt: 1), .ask(attempt: 2, isNew: true),
        .rest(alarm: alarm, atLeast: .seconds(1), atMost: .seconds(1)),
      ]
    )
    _ = machine.handle(.answered(attempt: 2, .granted))
    _ = machine.served(patient: true)
    // One alarm is enough.
    expectEqual(machine.handle(.ended(attempt: 2)), [.release(attempt: 2), .ask(attempt: 3, isNew: true)])
    _ = machine.handle(.answered(attempt: 3, .granted))
    _ = machine.served(patient: true)
    expectEqual(machine.handle(.alarm(alarm)), [])
    expectEqual(machine.handle(.ended(attempt: 3)), [.release(attempt: 3)])
    let pause = Self.alarm(machine.handle(.releaseSettled(attempt: 3, told: 0)))
    #expect(pause != nil && pause != alarm)
    expectEqual(machine.handle(.alarm(pause ?? 0)), [.ask(attempt: 4, isNew: true)])
  }

  @Test("a held lock is subscribed to, asked for again when that is confirmed, and polled behind it")
  func waits() {
    var machine = self.machine()
    _ = machine.handle(.joined(patient: true))
    let actions = machine.handle(.answered(attempt: 1, .busy(remaining: .milliseconds(40))))
    guard case .subscribe? = actions.first, case .rest(let alarm, let atLeast, let atMost)? = actions.last else {
      Issue.record("\(actions)")
      return
    }
    #expect(atLeast >= .milliseconds(40) && atMost <= .milliseconds(50), "when the key expires, and not before")
    expectEqual(machine.handle(.subscribed), [.ask(attempt: 1, isNew: false)])
    let again = machine.handle(.answered(attempt: 1, .busy(remaining: nil)))
    #expect(again.count == 1)
    expectEqual(machine.handle(.alarm(alarm)), [])
    expectEqual(machine.handle(.alarm(Self.alarm(again) ?? 0)), [.ask(attempt: 1, isNew: false)])
  }

  @Test("a word that comes while the lock is asked for is not lost")
  func wordWhileAsking() {
    var (machine, alarm) = self.waiting()
    _ = machine.handle(.alarm(alarm))
    expectEqual(machine.handle(.woken), [])
    expectEqual(machine.handle(.answered(attempt: 1, .busy(remaining: nil))), [.ask(attempt: 1, isNew: false)])
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
    expectEqual(actions.first, .subscribe)
    #expect(Self.alarm(actions) != nil)
  }

  @Test("subscriptions that end with each confirmation have the lock asked for no more often than the poll does")
  func brokenSubscriptions() {
    /// How often the lock is asked for without the poll, while subscriptions end at once.
    func requests(_ change: (inout TurnMachine.Rules) -> Void = { _ in }) -> (Int, TurnMachine, alarm: UInt64) {
      var (machine, alarm) = self.waiting(change)
      for round in 0..<10 {
        let asked = machine.handle(.subscribed)
        _ = machine.handle(.unsubscribed)
        guard asked == [.ask(attempt: 1, isNew: false)] else { return (round, machine, alarm) }
        let actions = machine.handle(.answered(attempt: 1, .busy(remaining: nil)))
        expectEqual(actions.first, .subscribe)
        alarm = Self.alarm(actions) ?? 0
      }
      return (10, machine, alarm)
    }
    var (count, machine, alarm) = requests()
    #expect(count == 2)
    #expect(requests { $0.doubtsSubscriptions = false }.0 == 10, "the rule is what ends it")
    expectEqual(machine.handle(.alarm(alarm)), [.ask(attempt: 1, isNew: false)])
    // One that brings a word, or lasts for a pause, is believed again.
    for isWord in [true, false] {
      let actions = machine.handle(.answered(attempt: 1, .busy(remaining: nil)))
      expectEqual(machine.handle(.subscribed), [])
      let next = isWord ? TurnEvent.woken : .alarm(Self.alarm(actions) ?? 0)
      expectEqual(machine.handle(next), [.ask(attempt: 1, isNew: false)])
      #expect(machine.brokenSubscriptions == 0)
      (_, machine, alarm) = requests()
      _ = machine.handle(.alarm(alarm))
    }
  }

  @Test("a reply that is lost is asked for again by the same owner")
  func lostReply() {
    var machine = self.machine()
    _ = machine.handle(.joined(patient: true))
    let actions = machine.handle(.answered(attempt: 1, .unreachable(error: 7)))
    expectEqual(machine.lastOutage, 7)
    expectEqual(machine.handle(.alarm(Self.alarm(actions) ?? 0)), [.ask(attempt: 1, isNew: false)])
    expectEqual(machine.handle(.answered(attempt: 1, .granted)), [.grant(attempt: 1)])
    expectEqual(machine.lastOutage, nil)
  }

  @Test(
    "a server that stays silent is asked ever less often, but every second at least, until it answers",
    arguments: [Duration.seconds(1), .seconds(60)]
  )
  func silence(pollCeiling: Duration) {
    var machine = self.machine { $0.pollCeiling = pollCeiling }
    _ = machine.handle(.joined(patient: true))
    func pause(after answer: TurnAnswer) -> Duration {
      let actions = machine.handle(.answered(attempt: 1, answer))
      guard case .rest(let alarm, let atLeast, let atMost) = actions.last else { return .zero }
      #expect(atLeast < atMost && atMost <= .seconds(1))
      _ = machine.handle(.alarm(alarm))
      return atLeast
    }
    let silences = (0..<5).map { _ in pause(after: .unreachable(error: 7, isSilence: true)) }
    let half = Duration.milliseconds(500)
    expectEqual(silences, [.milliseconds(10), .milliseconds(250), half, half, half])
    // Nobody there costs nobody anything, and is asked for often.
    expectEqual(pause(after: .unreachable(error: 7)), .milliseconds(10))
    expectEqual(pause(after: .unreachable(error: 7, isSilence: true)), .milliseconds(10))
  }

  @Test("what an attempt in doubt may hold is released when the last caller has gone")
  func doubt() {
    var machine = self.machine()
    _ = machine.handle(.joined(patient: true))
    _ = machine.handle(.answered(attempt: 1, .unreachable(error: 7)))
    expectEqual(machine.handle(.left(patient: true)), [.release(attempt: 1)])
    var clean = self.waiting().machine
    #expect(!clean.handle(.left(patient: true)).contains(.release(attempt: 1)), "nothing of it is there")
  }

  @Test("a quorum is asked again by a new owner: the last one's ballot releases what it planted")
  func freshOwner() {
    var (machine, alarm) = self.waiting {
      $0.repeatsOwner = false
      $0.usesWakeUps = false
    }
    expectEqual(machine.handle(.alarm(alarm)), [.ask(attempt: 2, isNew: true)])
  }

  @Test("a grant that crosses the cancellation of its only caller is released")
  func crossing() {
    var machine = self.machine()
    _ = machine.handle(.joined(patient: true))
    expectEqual(machine.handle(.left(patient: true)), [])
    expectEqual(machine.handle(.answered(attempt: 1, .granted)), [.release(attempt: 1)])
  }

  @Test("a caller who would not wait is told busy, or why nobody knows")
  func impatient() {
    var machine = self.machine()
    expectEqual(machine.handle(.joined(patient: false)), [.ask(attempt: 1, isNew: true)])
    expectEqual(machine.handle(.answered(attempt: 1, .busy(remaining: nil))), [.answerImpatient])
    expectEqual(machine.handle(.joined(patient: false)), [.ask(attempt: 2, isNew: true)])
    expectEqual(
      machine.handle(.answered(attempt: 2, .unreachable(error: 3))),
      [.failImpatient(error: 3), .release(attempt: 2)]
    )
    var held = self.held()
    expectEqual(held.handle(.joined(patient: false)), [.answerImpatient])
    var behind = self.waiting().machine
    expectEqual(behind.handle(.joined(patient: false)), [.answerImpatient])
  }

  @Test("an error that is final ends everybody's wait")
  func refused() {
    var machine = self.machine()
    _ = machine.handle(.joined(patient: true))
    _ = machine.handle(.joined(patient: true))
    expectEqual(machine.handle(.answered(attempt: 1, .refused(error: 4, inDoubt: false))), [.fail(error: 4)])
    #expect(machine.isIdle)
    _ = machine.handle(.joined(patient: true))
    expectEqual(
      machine.handle(.answered(attempt: 2, .refused(error: 5, inDoubt: true))),
      [.fail(error: 5), .release(attempt: 2)]
    )
  }

  @Test("whoever finds in the way what this process has just released waits for that release")
  func ownRelease() {
    var machine = self.held()
    _ = machine.handle(.joined(patient: true))
    _ = machine.handle(.ended(attempt: 1))
    expectEqual(machine.handle(.answered(attempt: 2, .busyWithOwn)), [])
    expectEqual(machine.handle(.releaseSettled(attempt: 1, told: 0)), [.ask(attempt: 2, isNew: false)])
    // Where the release has failed, the line does not spin.
    let again = machine.handle(.answered(attempt: 2, .busyWithOwn))
    #expect(Self.alarm(again) != nil)
  }

  @Test("a subscription outlasts a grant for a while, and is then given up")
  func linger() {
    var (machine, _) = self.waiting()
    _ = machine.handle(.subscribed)
    let actions = machine.handle(.answered(attempt: 1, .granted))
    expectEqual(actions.first, .grant(attempt: 1))
    let alarm = Self.alarm(actions) ?? 0
    _ = machine.served(patient: true)
    _ = machine.handle(.ended(attempt: 1))
    _ = machine.handle(.releaseSettled(attempt: 1, told: 1))
    #expect(!machine.isIdle)
    expectEqual(machine.handle(.alarm(alarm)), [.unsubscribe])
    #expect(machine.isIdle)
  }
}

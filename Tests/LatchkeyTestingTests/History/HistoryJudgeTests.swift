import Testing

@testable import LatchkeyTesting

@Suite("The judge of a verification's history")
struct HistoryJudgeTests {
  let judge = HistoryJudge()

  @Test("finds nothing wrong with holders that follow one another")
  func good() {
    var history = Sample.history(
      Sample.lease(client: 0, token: 1, asked: 0, held: 10...20),
      Sample.lease(client: 1, token: 2, asked: 5, held: 21...40),
      Sample.lease(client: 0, number: 1, token: 3, asked: 30, held: 41...50)
    )
    history.writes = [Sample.write(0, token: 1, at: 15), Sample.write(1, token: 2, at: 30)]
    history.faultsEnded = Sample.ms(1)
    #expect(self.judge.findings(in: history) == [])
  }

  @Test("finds two that held the lock at once, also behind a third")
  func overlap() {
    let history = Sample.history(
      Sample.lease(client: 0, token: 1, asked: 0, held: 10...100),
      Sample.lease(client: 1, token: 2, asked: 5, held: 30...40),
      Sample.lease(client: 1, number: 1, token: 3, asked: 50, held: 90...95)
    )
    #expect(self.judge.kinds(in: history) == [.overlap, .overlap])
  }

  @Test("accuses nobody for the time in which it is not certain who held the lock")
  func uncertain() {
    var first = LeaseRecord(client: 0, worker: 0, number: 0, token: nil, asked: 0)
    // The question was asked at 10 and answered at 50: the yes may be as old as 10.
    first.note(Observation(before: Sample.ms(5), after: Sample.ms(6), isHeld: true, deadline: nil))
    first.note(Observation(before: Sample.ms(10), after: Sample.ms(50), isHeld: true, deadline: nil))
    let second = Sample.lease(client: 1, token: nil, asked: 0, held: 12...20)
    var history = Sample.history(first, second)
    history.isFenced = false
    #expect(self.judge.findings(in: history) == [])
  }

  @Test("a lease that was never seen to be held holds nobody up")
  func neverHeld() {
    var first = LeaseRecord(client: 0, worker: 0, number: 0, token: VerifyToken(major: 9), asked: 0)
    first.note(Sample.look(15, isHeld: false))
    first.toldAt = Sample.ms(16)
    let second = Sample.lease(client: 1, token: 8, asked: 0, held: 10...20)
    #expect(self.judge.findings(in: Sample.history(first, second)) == [])
  }

  @Test("finds a token that is smaller than an earlier one, and one that was given twice")
  func tokens() {
    let smaller = Sample.history(
      Sample.lease(client: 0, token: 5, asked: 0, held: 10...20),
      Sample.lease(client: 1, token: 4, asked: 5, held: 30...40)
    )
    let equal = Sample.history(
      Sample.lease(client: 0, token: 5, asked: 0, held: 10...20),
      Sample.lease(client: 1, token: 5, asked: 5, held: 30...40)
    )
    #expect(self.judge.kinds(in: smaller) == [.tokenOrder])
    #expect(self.judge.kinds(in: equal) == [.tokenOrder])
  }

  @Test("finds a grant without a token where the backend promises one")
  func noToken() {
    var history = Sample.history(Sample.lease(client: 0, token: nil, asked: 0, held: 10...20))
    #expect(self.judge.kinds(in: history) == [.noToken])
    history.isFenced = false
    #expect(self.judge.kinds(in: history) == [])
  }

  @Test("finds a grant without a deadline, of whose loss nothing could tell")
  func noDeadline() {
    func history(_ deadline: UInt64?) -> ClientHistory {
      let seen = Observation(before: Sample.ms(6), after: Sample.ms(7), isHeld: true, deadline: deadline)
      return ClientHistory([
        RecordedEvent(client: 0, life: 0, event: .granted(worker: 0, token: .init(major: 1), seen: seen))
      ])
    }
    #expect(self.judge.kinds(in: history(nil)) == [.noDeadline])
    #expect(self.judge.kinds(in: history(.max)) == [])
  }

  @Test("finds a write of an earlier holder that was accepted after one of a later, whatever the tokens say")
  func staleWrite() {
    let leases = [
      Sample.lease(client: 0, token: 1, asked: 0, held: 10...20),
      Sample.lease(client: 1, token: 2, asked: 25, held: 30...40),
    ]
    var byToken = Sample.history(leases[0], leases[1])
    byToken.writes = [Sample.write(1, token: 2, at: 35), Sample.write(0, token: 1, at: 36)]
    #expect(self.judge.kinds(in: byToken) == [.staleWrite])
    var refused = byToken
    refused.writes[1].wasAccepted = false
    #expect(self.judge.kinds(in: refused) == [])
    // A token that lies: the resource was fooled.
    var fooled = byToken
    fooled.writes[1].token = VerifyToken(major: 3)
    #expect(self.judge.kinds(in: fooled) == [.staleWrite])
  }

  @Test("finds a lease that says held after its deadline, or again after it was over")
  func heldTooLong() {
    var late = Sample.lease(client: 0, token: 1, asked: 0, held: 10...20, deadline: 30)
    late.note(Sample.look(31, isHeld: true, deadline: 30))
    late.releasing = Sample.ms(20)
    var again = Sample.lease(client: 1, token: 2, asked: 40, held: 50...51)
    again.note(Sample.look(52, isHeld: false))
    again.note(Sample.look(53, isHeld: true))
    #expect(self.judge.kinds(in: Sample.history(late)) == [.heldAfterDeadline])
    #expect(self.judge.kinds(in: Sample.history(again)) == [.heldAgain])
  }

  @Test("finds a loss that was told late or never, to a client that could run")
  func lossNotTold() {
    var lease = Sample.lease(client: 0, token: 1, asked: 0, held: 10...20, deadline: 1_000)
    lease.releasing = nil
    #expect(self.judge.kinds(in: Sample.history(lease)) == [.lossNotTold])
    lease.toldAt = Sample.ms(1_400)
    #expect(self.judge.kinds(in: Sample.history(lease)) == [])
    lease.toldAt = Sample.ms(4_000)
    #expect(self.judge.kinds(in: Sample.history(lease)) == [.lossNotTold])
    // It was stopped nearly all the time.
    var stopped = Sample.history(lease)
    stopped.stalls[.init(client: 0, life: 0)] = [Sample.ms(900)...Sample.ms(3_800)]
    #expect(self.judge.kinds(in: stopped) == [])
    // It was killed before.
    lease.toldAt = nil
    var killed = Sample.history(lease)
    killed.ends = [.init(client: 0, life: 0, at: Sample.ms(1_200), wasKilled: true)]
    #expect(self.judge.kinds(in: killed) == [])
  }

  @Test("finds a lease that says held after it has told its loss")
  func heldAfterLoss() {
    var lease = Sample.lease(client: 0, token: 1, asked: 0, held: 10...20)
    lease.toldAt = Sample.ms(15)
    #expect(self.judge.kinds(in: Sample.history(lease)) == [.heldAgain])
    lease.toldAt = Sample.ms(25)
    #expect(self.judge.kinds(in: Sample.history(lease)) == [])
  }

  @Test("finds a loss that was told to a holder that did not look only when it did")
  func toldWhenAsked() {
    func history(toldAt: UInt64?, end: UInt64 = 3_000) -> ClientHistory {
      func look(_ at: UInt64, isHeld: Bool, deadline: UInt64) -> Observation {
        Observation(before: Sample.ms(at), after: Sample.ms(at), isHeld: isHeld, deadline: Sample.ms(deadline))
      }
      var events: [ClientEvent] = [
        .granted(worker: 0, token: .init(major: 1), seen: look(10, isHeld: true, deadline: 500)),
        .unwatched(worker: 0),
      ]
      if let toldAt {
        let at = Sample.ms(toldAt)
        events += [
          .lost(worker: 0, at: at, deadline: Sample.ms(2_000), reason: ""),
          .releasing(worker: 0, at: Sample.ms(end), seen: look(end, isHeld: false, deadline: 2_000)),
        ]
      }
      var history = ClientHistory(events.map { RecordedEvent(client: 0, life: 0, event: $0) })
      history.stopped = Sample.ms(90_000)
      return history
    }
    #expect(self.judge.kinds(in: history(toldAt: 3_001)) == [.lossNotTold])
    #expect(self.judge.kinds(in: history(toldAt: 2_100)) == [])
    #expect(history(toldAt: 2_100).leases.map(\.isToldUnasked) == [true])
    #expect(history(toldAt: 3_001).leases.map(\.isToldUnasked) == [false])
    // Its process was killed meanwhile: where the deadline had moved to by then, nobody knows.
    #expect(self.judge.kinds(in: history(toldAt: nil)) == [])
  }

  @Test("finds a call that nobody had answered long after its budget when its process was killed")
  func pending() {
    var history = ClientHistory([
      RecordedEvent(client: 0, life: 0, event: .asked(worker: 0, at: Sample.ms(0), within: Sample.ms(100))),
      RecordedEvent(client: 0, life: 1, event: .asked(worker: 0, at: Sample.ms(4_000), within: Sample.ms(100))),
    ])
    func kill(_ life: Int, at: UInt64) {
      history.ends = [.init(client: 0, life: life, at: Sample.ms(at), wasKilled: true)]
    }
    kill(0, at: 3_000)
    #expect(self.judge.kinds(in: history) == [.overBudget])
    kill(0, at: 1_500)
    #expect(self.judge.kinds(in: history) == [])
    kill(1, at: 5_000)
    #expect(self.judge.kinds(in: history) == [])
    // It could not run meanwhile.
    kill(0, at: 3_000)
    history.stalls[.init(client: 0, life: 0)] = [Sample.ms(500)...Sample.ms(2_500)]
    #expect(self.judge.kinds(in: history) == [])
  }

  @Test("finds a client that gets no lock after the faults, or gets it too late")
  func progress() {
    var history = Sample.history(
      Sample.lease(client: 0, token: 1, asked: 0, held: 10...20),
      Sample.lease(client: 1, token: 2, asked: 0, held: 30...40)
    )
    history.faultsEnded = Sample.ms(25)
    #expect(self.judge.kinds(in: history) == [.noProgress])
    // Where fairness is not promised, that is explained as long as somebody gets the lock.
    history.isFair = false
    #expect(self.judge.findings(in: history).map { $0.excuse == nil } == [false])
    history.faultsEnded = Sample.ms(35)
    #expect(self.judge.findings(in: history).map { $0.excuse == nil } == [true, true])
    history.isFair = true
    history.faultsEnded = Sample.ms(5)
    #expect(self.judge.kinds(in: history) == [])
    var limits = HistoryJudge.Limits()
    limits.progress = Sample.ms(10)
    #expect(HistoryJudge(limits: limits).kinds(in: history) == [.noProgress])
  }

  @Test("finds a call that outlasts its budget, one that fails as none should, a crash, and what is left behind")
  func rest() {
    var history = Sample.history()
    history.clients = 0
    history.requests = [
      .init(
        place: .init(client: 0, life: 0),
        worker: 0,
        asked: 0,
        within: Sample.ms(100),
        ended: Sample.ms(1_500),
        failure: "timedOut"
      ),
      .init(
        place: .init(client: 0, life: 0),
        worker: 0,
        asked: 0,
        within: Sample.ms(100),
        ended: Sample.ms(2_000),
        failure: "timedOut"
      ),
      .init(
        place: .init(client: 0, life: 0),
        worker: 0,
        asked: 0,
        within: Sample.ms(100),
        ended: Sample.ms(50),
        failure: "backendFailure"
      ),
    ]
    history.ends = [
      .init(client: 0, life: 0, at: Sample.ms(3_000), complaint: "ended by itself"),
      .init(client: 1, life: 0, at: Sample.ms(3_000)),
    ]
    history.leftovers = ["the node /verify/x"]
    #expect(self.judge.kinds(in: history) == [.unexpectedError, .overBudget, .process, .leftBehind])
  }

  @Test("an overlap by a fault that no backend promises against is explained, and no other is")
  func excuses() {
    let victim = Sample.lease(client: 0, token: 1, asked: 0, held: 10...100)
    let winner = Sample.lease(client: 1, token: 2, asked: 5, held: 60...70)
    let history = Sample.history(victim, winner)
    func findings(from: UInt64, until: UInt64, client: Int? = nil) -> [Breach] {
      let excuse = Excuse(reason: "why", from: Sample.ms(from), until: Sample.ms(until), client: client)
      return HistoryJudge(excuses: [excuse]).findings(in: history)
    }
    #expect(findings(from: 50, until: 55).map(\.excuse) == ["why"])
    #expect(findings(from: 50, until: 55, client: 0).map(\.excuse) == ["why"])
    // Another client's session; a fault after the overlap had begun.
    #expect(findings(from: 50, until: 55, client: 1).map(\.excuse) == [nil])
    #expect(findings(from: 80, until: 85).map(\.excuse) == [nil])
  }
}

internal import Latchkey

extension ElectionConformance {
  static let observerChecks = [
    Check("an observer sees the present leader first, or nobody") { trial in
      let nobody = trial.observe(try await trial.election())
      try await trial.expectSoon("nobody", seen: { "\(nobody.leaders)" }) { nobody.leaders == [nil] }
      let candidate = try await trial.lead(try await trial.election(), "present")
      let late = trial.observe(try await trial.election())
      try await trial.expectSoon("the present leader", seen: { "\(late.leaders)" }) {
        late.leaders.map { $0?.value } == ["present"]
      }
      try await candidate.resign()
    },

    // etcd #18163, cagriekin/charts #326: an observer that skips, or never hears that nobody leads.
    Check("observers see the last leader, and nobody when nobody leads") { trial in
      let elections = [try await trial.election(), try await trial.election()]
      let observers = (elections + [try await trial.election()]).map { trial.observe($0) }
      for round in 0..<6 {
        let candidate = try await trial.lead(elections[round % 2], "\(round)")
        if round % 3 == 1 { try await candidate.elected().proclaim("\(round) again") }
        if round % 3 == 2 {
          for observer in observers {
            try await trial.expectSoon("\(round) as the leader", seen: { "\(observer.leaders)" }) {
              observer.value == "\(round)"
            }
          }
        }
        try await candidate.resign()
      }
      for observer in observers {
        try await trial.expectSoon("nobody at the end", seen: { "\(observer.leaders)" }) { observer.seesNobody }
      }
      let last = try await trial.lead(elections[0], "last")
      for observer in observers {
        try await trial.expectSoon("the last leader", seen: { "\(observer.leaders)" }) { observer.value == "last" }
      }
      try await last.resign()
    },

    Check("an observer sees what a leader proclaims") { trial in
      let candidate = try await trial.lead(try await trial.election(), "before")
      let observer = trial.observe(try await trial.election())
      try await trial.expectSoon("the first value", seen: { "\(observer.leaders)" }) { observer.value == "before" }
      let leadership = try await candidate.elected()
      try await leadership.proclaim("after")
      try await trial.expectSoon("the second value", seen: { "\(observer.leaders)" }) { observer.value == "after" }
      let last = observer.leaders.last ?? nil
      try trial.expect(last?.token == leadership.token, "the same token", seen: "\(String(describing: last))")
      try await candidate.resign()
    },

    Check("an observer is told nothing twice, and nothing of candidates that only wait") { trial in
      let candidate = try await trial.lead(try await trial.election(), "leader")
      let election = try await trial.election()
      let observer = trial.observe(try await trial.election())
      try await trial.expectSoon("the leader", seen: { "\(observer.leaders)" }) { observer.value == "leader" }
      for round in 0..<4 {
        let waiting = trial.campaign(election, "waiting \(round)", within: .milliseconds(50))
        _ = await waiting.error()
      }
      try await candidate.resign()
      try await trial.expectSoon("nobody", seen: { "\(observer.leaders)" }) { observer.seesNobody }
      let seen = observer.leaders
      let repeats = zip(seen, seen.dropFirst()).contains { $0 == $1 }
      let isWaitingSeen = seen.contains { $0?.value.hasPrefix("waiting") == true }
      try trial.expect(!repeats && !isWaitingSeen, "each change once, and no candidate that waits", seen: "\(seen)")
    },

    Check("an observer whose session ends goes on observing", needs: [.expireSession]) { trial in
      let candidate = try await trial.lead(try await trial.election(), "first")
      let client = try await trial.client()
      let observer = trial.observe(client.election(trial.name))
      try await trial.expectSoon("the first leader", seen: { "\(observer.leaders)" }) { observer.value == "first" }
      try await client.expireSession()
      try await candidate.resign()
      let next = try await trial.lead(try await trial.election(), "second")
      try await trial.expectSoon("the second leader", seen: { "\(observer.leaders)" }) { observer.value == "second" }
      try await next.resign()
      try await trial.expectSoon("nobody", seen: { "\(observer.leaders)" }) { observer.seesNobody }
    },

    Check("an observer rides out an outage, and sees who leads after it", needs: [.cutOff]) { trial in
      let candidate = try await trial.lead(try await trial.election(), "first")
      let client = try await trial.client()
      let observer = trial.observe(client.election(trial.name))
      try await trial.expectSoon("the first leader", seen: { "\(observer.leaders)" }) { observer.value == "first" }
      try await client.cutOff()
      try await candidate.resign()
      let next = try await trial.lead(try await trial.election(), "second")
      try await client.heal()
      trial.step("waiting for the second leader")
      let isSeen = try await eventually(within: trial.subject.patience) { observer.value == "second" }
      try trial.expect(isSeen, "the second leader", seen: "\(observer.leaders)")
      try await next.resign()
    },
  ]
}

internal import Latchkey

extension LockConformance {
  static let timeoutChecks = [
    Check(10, "a budget of zero tries once: a free lock is granted, a held one times out at once") { trial in
      let lock = try await trial.lock()
      try await lock.acquire(within: .zero).release()
      let holder = try await trial.holder(try await trial.lock())
      let start = ContinuousClock.now
      trial.step("acquiring with a budget of zero")
      try await trial.expectError(.timedOut, from: "a try of a held lock") {
        try await lock.acquire(within: .zero).release()
      }
      let late = start.duration(to: .now)
      try trial.expect(late < trial.subject.slack, "an answer at once", seen: "\(late) later")
      try await holder.release()
    },

    Check(10, "a wait ends when its budget is used up, and not before") { trial in
      let holder = try await trial.holder(try await trial.lock())
      let lock = try await trial.lock()
      let budget = Duration.milliseconds(300)
      let start = ContinuousClock.now
      trial.step("waiting with a budget of \(budget)")
      try await trial.expectError(.timedOut, from: "a wait for a held lock") {
        try await lock.acquire(within: budget).release()
      }
      let waited = start.duration(to: .now)
      try trial.expect(waited >= budget, "a wait of \(budget)", seen: "\(waited)")
      try trial.expect(waited < budget + trial.subject.slack, "a wait of \(budget)", seen: "\(waited)")
      try await holder.release()
    },

    Check(10, "the budget is one for the whole wait, even if others come and go ahead") { trial in
      // Ten holders, one after the other, each for a good part of the budget: a timer that starts anew with each of them
      // would run out only after the last.
      let hold = trial.subject.slack / 4
      let locks = try await trial.clients(10).map { $0.lock(trial.name) }
      let first = try await trial.holder(locks[0])
      var ahead: [Contender] = [first]
      for index in 1..<10 { ahead.append(try await trial.queue(locks[index], count: index + 1)) }
      let churn = Task { [ahead] in
        for _ in ahead {
          try await Task.sleep(for: hold)
          guard let holding = ahead.first(where: \.isHolding) else { continue }
          try await holding.release()
        }
      }
      defer { churn.cancel() }
      let budget = hold * 2
      let start = ContinuousClock.now
      let waiter = trial.contend(try await trial.lock(), within: budget)
      trial.step("waiting with a budget of \(budget) behind ten who come and go")
      let error = await waiter.error()
      let waited = start.duration(to: .now)
      try trial.expect(
        waited < budget + trial.subject.slack,
        "the wait to end after \(budget)",
        seen: "\(waited) and \(error.map { "\($0)" } ?? "a grant")"
      )
      if trial.subject.traits.contains(.fair) {
        try trial.expect(error?.code == .timedOut, "timedOut", seen: error.map { "\($0)" } ?? "a grant out of turn")
      }
    },

    Check(10, "a waiter whose lock is released within its budget gets it") { trial in
      let holder = try await trial.holder(try await trial.lock())
      let waiter = try await trial.queue(try await trial.lock(), count: 2, within: trial.subject.patience)
      try await holder.release()
      trial.step("waiting for a waiter with a budget")
      let held = try await waiter.granted()
      try trial.expect(held.isHeld, "a grant that stands", seen: "one that has ended")
      try await waiter.release()
    },

    Check(10, "a waiter that timed out leaves nothing behind, and does not get the lock later") { trial in
      let holder = try await trial.holder(try await trial.lock())
      let waiters = try await trial.clients(2).flatMap { client in
        (0..<3).map { _ in trial.contend(client.lock(trial.name), within: .milliseconds(150)) }
      }
      trial.step("waiting for six waiters to time out")
      for waiter in waiters {
        let error = await waiter.error()
        try trial.expect(error?.code == .timedOut, "timedOut", seen: "\(String(describing: error))")
      }
      try trial.expect(holder.isHolding, "the holder to hold still", seen: "its end")
      try await holder.release()
      try await trial.expectFree("after waiters timed out")
      try await trial.expectNoLeftovers("by waiters that timed out")
    },

    Check(10, "the longest budget there is waits like none") { trial in
      let holder = try await trial.holder(try await trial.lock())
      let waiter = try await trial.queue(try await trial.lock(), count: 2, within: .seconds(Int64.max))
      try trial.expect(waiter.isWaiting, "the waiter to wait", seen: "\(String(describing: waiter.outcome))")
      try await holder.release()
      trial.step("waiting for a waiter with a very long budget")
      _ = try await waiter.granted()
      try await waiter.release()
    },
  ]
}

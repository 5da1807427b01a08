internal import Latchkey

extension LockConformance {
  static let fairnessChecks = [
    Check(9, "waiters of one client are served in the order in which they asked") { trial in
      let lock = try await trial.lock()
      let holder = try await trial.holder(lock)
      let waiters = (1...20).map { _ in trial.contend(lock) }
      for waiter in waiters { waiter.releaseWhenGranted() }
      try await holder.release()
      trial.step("waiting for twenty waiters to be served")
      for waiter in waiters { _ = try await waiter.granted() }
      let order = trial.grants.map(\.contender)
      try trial.expect(order == Array(0...20), "the order in which they asked", seen: "\(order)")
    },

    Check(9, "a thousand waiters of one client are all served, in order") { trial in
      let lock = try await trial.lock()
      let holder = try await trial.holder(lock)
      let waiters = (1...1000).map { _ in trial.contend(lock) }
      for waiter in waiters { waiter.releaseWhenGranted() }
      try await holder.release()
      trial.step("waiting for a thousand waiters to be served")
      for waiter in waiters { _ = try await waiter.granted() }
      let order = trial.grants.map(\.contender)
      let firstWrong = zip(order, 0...1000).first { $0 != $1 }
      try trial.expect(firstWrong == nil, "the order in which they asked", seen: "\(String(describing: firstWrong))")
    },

    Check(9, "waiters of different clients are served in the order in which they asked", needs: [.fairness]) { trial in
      let locks = try await trial.clients(4).map { $0.lock(trial.name) }
      let holder = try await trial.holder(locks[0])
      var waiters: [Contender] = []
      // One waiter of each client: behind the first of a client's waiters, its others stand in a line of their own.
      for index in 0..<4 { waiters.append(try await trial.queue(locks[(index + 1) % 4], count: index + 2)) }
      for waiter in waiters { waiter.releaseWhenGranted() }
      try await holder.release()
      trial.step("waiting for the waiters of four clients to be served")
      for waiter in waiters { _ = try await waiter.granted() }
      let order = trial.grants.map(\.contender)
      try trial.expect(order == [0, 1, 2, 3, 4], "the order in which they asked", seen: "\(order)")
    },

    Check(9, "whoever releases and asks again comes after those who wait", needs: [.fairness]) { trial in
      let lock = try await trial.lock()
      let other = try await trial.lock()
      for round in 0..<5 {
        let holder = try await trial.holder(lock)
        let waiter = try await trial.queue(other, count: 2)
        trial.step("releasing and asking again, round \(round)")
        let before = trial.grants.count
        try await holder.release()
        let again = trial.contend(lock)
        waiter.releaseWhenGranted()
        again.releaseWhenGranted()
        let (first, second) = (try await waiter.granted(), try await again.granted())
        try trial.expect(
          trial.grants.count == before + 2 && Self.isBefore(first, second, trial, before),
          "the waiter to be served first",
          seen: "that the newcomer was"
        )
        try await waiter.release()
        try await again.release()
      }
    },
  ]

  private static func isBefore(_ first: HeldLock, _ second: HeldLock, _ trial: Trial, _ index: Int) -> Bool {
    let grants = trial.grants.dropFirst(index).map(\.contender)
    return grants == grants.sorted()
  }
}

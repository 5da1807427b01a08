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
      let locks = try await trial.clients(3).map { $0.lock(trial.name) }
      for round in 0..<5 {
        let before = trial.grants.count
        let holder = try await trial.holder(locks[0])
        let first = try await trial.queue(locks[1], count: 2)
        let second = try await trial.queue(locks[2], count: 3)
        trial.step("releasing and asking again, round \(round)")
        try await holder.release()
        let again = trial.contend(locks[0])
        for contender in [first, second, again] { contender.releaseWhenGranted() }
        for contender in [first, second, again] { _ = try await contender.granted() }
        // Numbered in the order in which they were started.
        let order = trial.grants.dropFirst(before).map(\.contender)
        try trial.expect(order == order.sorted(), "those who waited to be served first", seen: "\(order)")
      }
    },
  ]
}

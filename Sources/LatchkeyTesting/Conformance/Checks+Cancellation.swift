internal import Latchkey
internal import LatchkeyPrimitives

extension LockConformance {
  static let cancellationChecks = [
    Check(6, "a task that is cancelled before it asks gets the code cancelled, and takes nothing") { trial in
      let lock = try await trial.lock()
      let error = await Task { () -> LockError? in
        withUnsafeCurrentTask { $0?.cancel() }
        do throws(LockError) {
          let lease = try await lock.acquire(within: nil)
          await lease.releaseQuietly()
          return nil
        } catch {
          return error
        }
      }.value
      try trial.expect(error?.code == .cancelled, "code cancelled", seen: "\(String(describing: error))")
      try await trial.expectFree("after a cancelled task asked for it")
      try await trial.expectNoLeftovers("by a task that was cancelled before it asked")
    },

    Check(6, "a cancelled waiter gets the code cancelled at once, and the holder is not disturbed") { trial in
      let holder = try await trial.holder(try await trial.lock())
      let waiter = try await trial.queue(try await trial.lock(), count: 2)
      waiter.cancel()
      trial.step("waiting for a cancelled waiter to give up")
      let start = ContinuousClock.now
      let error = await waiter.error()
      let late = start.duration(to: .now)
      try trial.expect(error?.code == .cancelled, "code cancelled", seen: "\(String(describing: error))")
      try trial.expect(late < trial.subject.slack, "an answer at once", seen: "\(late) later")
      try trial.expect(holder.isHolding, "the holder to hold still", seen: "its end")
      try await holder.release()
      try await trial.expectFree("after a waiter was cancelled and the holder released")
    },

    Check(6, "withLock turns the cancellation of its wait into CancellationError, and does not run its body") { trial in
      let holder = try await trial.holder(try await trial.lock())
      let lock = try await trial.lock()
      let hasRun = OneShot<Void>()
      let waiting = Task.immediate { try await lock.withLock { _ in hasRun.resolve() } }
      try await Task.sleep(for: trial.subject.settling)
      waiting.cancel()
      trial.step("waiting for a cancelled withLock to end")
      guard case .failure(let error) = await waiting.result else {
        throw Unmet(expected: "CancellationError", seen: "no error")
      }
      try trial.expect(error is CancellationError, "CancellationError", seen: "\(error)")
      try trial.expect(hasRun.current == nil, "the body not to run", seen: "that it ran")
      try await holder.release()
      try await trial.expectFree("after a cancelled withLock")
    },

    Check(6, "cancelled waiters leave nothing behind, wherever in line they stood", needs: [.leftovers]) { trial in
      let clients = try await trial.clients(3)
      let holder = try await trial.holder(clients[0].lock(trial.name))
      var waiters: [Contender] = []
      for index in 0..<9 {
        waiters.append(try await trial.queue(clients[index % 3].lock(trial.name), count: index + 2))
      }
      for index in [0, 8, 4, 3, 1, 7, 2, 6, 5] { waiters[index].cancel() }
      trial.step("waiting for nine cancelled waiters to give up")
      for waiter in waiters {
        let error = await waiter.error()
        try trial.expect(error?.code == .cancelled, "code cancelled", seen: "\(String(describing: error))")
      }
      try await holder.release()
      try await trial.expectNoLeftovers("by cancelled waiters")
    },

    Check(6, "a waiter that is cancelled while it is cut off leaves nothing behind", needs: [.leftovers, .cutOff]) {
      trial in
      let holder = try await trial.holder(try await trial.lock())
      let client = try await trial.client()
      let waiter = try await trial.queue(client.lock(trial.name), count: 2)
      try await trial.whileCutOff(client) {
        waiter.cancel()
        trial.step("waiting for a waiter to give up that was cancelled while cut off")
        let error = await waiter.error()
        try trial.expect(error?.code == .cancelled, "code cancelled", seen: "\(String(describing: error))")
      }
      try await holder.release()
      trial.step("waiting for what a cut-off waiter left to go away")
      let leftovers = trial.subject.leftovers
      let isEmpty = try await eventually(within: trial.subject.patience) { try await leftovers?(trial.name) == 0 }
      try trial.expect(isEmpty, "nothing left behind", seen: "nodes or keys")
    },

    Check(6, "cancelled waiters do not change the order of the others") { trial in
      let lock = try await trial.lock()
      let holder = try await trial.holder(lock)
      let waiters = (1...12).map { _ in trial.contend(lock) }
      for (index, waiter) in waiters.enumerated() {
        if index % 3 == 1 { waiter.cancel() } else { waiter.releaseWhenGranted() }
      }
      trial.step("waiting for cancelled waiters to give up")
      for index in [1, 4, 7, 10] { _ = await waiters[index].error() }
      try await holder.release()
      trial.step("waiting for the waiters that were not cancelled")
      for (index, waiter) in waiters.enumerated() where index % 3 != 1 { _ = try await waiter.granted() }
      let order = trial.grants.map(\.contender)
      try trial.expect(order == [0, 1, 3, 4, 6, 7, 9, 10, 12], "0, 1, 3, 4, 6, 7, 9, 10, 12", seen: "\(order)")
    },

    Check(6, "when grant and cancellation cross, the lock is either held or free, never stuck") { trial in
      let locks = try await trial.clients(2).map { $0.lock(trial.name) }
      for round in 0..<40 {
        let holder = try await trial.holder(locks[0])
        let waiter = trial.contend(locks[round % 2])
        trial.step("releasing and cancelling at about the same time, round \(round)")
        async let released: Void = holder.release()
        for _ in 0..<Int.random(in: 0...20) { await Task.yield() }
        waiter.cancel()
        try await released
        if let error = await waiter.error() {
          try trial.expect(error.code == .cancelled, "a grant or code cancelled", seen: "\(error)")
        } else {
          try await waiter.release()
        }
        if round % 8 == 7 { try await trial.expectFree("after grant and cancellation crossed") }
      }
      try await trial.expectFree("after grants and cancellations crossed")
      try await trial.expectNoLeftovers("after grants and cancellations crossed")
    },

    Check(6, "cancelled at any moment of an uncontended acquire, nothing is left behind") { trial in
      let lock = try await trial.lock()
      for round in 0..<40 {
        let contender = trial.contend(lock)
        for _ in 0..<round % 10 { await Task.yield() }
        contender.cancel()
        trial.step("cancelling an uncontended acquire, round \(round)")
        if await contender.error() == nil { try await contender.release() }
      }
      try await trial.expectFree("after cancelled acquires")
      try await trial.expectNoLeftovers("by cancelled acquires")
    },
  ]
}

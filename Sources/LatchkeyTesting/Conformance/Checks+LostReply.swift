internal import Latchkey

extension LockConformance {
  static let lostReplyChecks = [
    Check(7, "an acquire whose reply is lost finds its own grant again", needs: [.dropNextReply]) { trial in
      let client = try await trial.client()
      let lock = client.lock(trial.name)
      try await lock.acquire(within: nil).release()
      try await client.dropNextReply(.acquire)
      trial.step("acquiring while the reply is dropped")
      let lease = try await lock.acquire(within: trial.subject.patience)
      try trial.expect(lease.held.isHeld, "a grant that stands", seen: "one that has ended")
      try await lease.release()
      trial.step("acquiring from another client after a lost reply")
      try await trial.expectFree("after an acquire whose reply was lost was released")
      try await trial.expectNoLeftovers("by an acquire whose reply was lost")
    },

    Check(7, "a release whose reply is lost frees the lock, and no later holder's", needs: [.dropNextReply]) { trial in
      let client = try await trial.client()
      let holder = try await trial.holder(client.lock(trial.name))
      try await client.dropNextReply(.release)
      trial.step("releasing while the reply is dropped")
      try await holder.release()
      let next = trial.contend(try await trial.lock())
      trial.step("waiting for the next holder after a release whose reply was lost")
      let held = try await next.granted()
      // The retry, if one comes, is given time to do its harm.
      let end = ContinuousClock.now.advanced(by: trial.subject.settling * 5)
      while .now < end {
        try trial.expect(held.isHeld, "the later holder to hold still", seen: "its end")
        try await Task.sleep(for: .milliseconds(10))
      }
      try await trial.expectBusy(client.lock(trial.name))
      try await next.release()
    },

    Check(7, "a waiter whose place was granted with a lost reply holds the lock once", needs: [.dropNextReply]) {
      trial in
      let holder = try await trial.holder(try await trial.lock())
      let client = try await trial.client()
      let lock = client.lock(trial.name)
      try await client.dropNextReply(.acquire)
      let waiter = trial.contend(lock)
      try await Task.sleep(for: trial.subject.settling)
      try trial.expect(
        holder.isHolding && waiter.isWaiting,
        "the waiter to wait",
        seen: "\(String(describing: waiter.outcome))"
      )
      try await holder.release()
      trial.step("waiting for a waiter whose first reply was lost")
      _ = try await waiter.granted()
      try await waiter.release()
      try await trial.expectFree("after a waiter whose first reply was lost")
      try await trial.expectNoLeftovers("by a waiter whose first reply was lost")
    },
  ]
}

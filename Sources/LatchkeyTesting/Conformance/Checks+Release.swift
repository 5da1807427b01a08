internal import Latchkey

extension LockConformance {
  static let releaseChecks = [
    Check(8, "a released lock goes to the next at once") { trial in
      let holder = try await trial.holder(try await trial.lock())
      let waiter = try await trial.queue(try await trial.lock(), count: 2)
      try trial.expect(waiter.isWaiting, "the waiter to wait", seen: "\(String(describing: waiter.outcome))")
      let start = ContinuousClock.now
      try await holder.release()
      trial.step("waiting for the next holder")
      _ = try await waiter.granted()
      let late = start.duration(to: .now)
      try trial.expect(late < trial.subject.slack, "a grant at once", seen: "\(late) later")
      try await waiter.release()
      try await trial.expectNoLeftovers("after all have released")
    },

    Check(8, "a lease may be released by another task than the one that acquired it") { trial in
      let lock = try await trial.lock()
      let box = LeaseBox(try await lock.acquire(within: nil))
      try await Task.detached { try await box.release() }.value
      try await trial.expectFree("after another task released it")
    },

    Check(8, "a lease is released even if the releasing task is cancelled") { trial in
      let lock = try await trial.lock()
      let box = LeaseBox(try await lock.acquire(within: nil))
      try await Task {
        withUnsafeCurrentTask { $0?.cancel() }
        try await box.release()
      }.value
      try await trial.expectFree("after a cancelled task released it")
    },

    Check(8, "a lease that is dropped without release is released") { trial in
      let lock = try await trial.lock()
      let held = try await Self.dropLease(of: lock)
      try await trial.expectFree("after its lease was dropped")
      try trial.expect(!held.isHeld, "isHeld of a dropped lease to be false", seen: "true")
      try await trial.expectNoLeftovers("by a dropped lease")
    },

    Check(8, "the view of an ended lease can do no harm to a later holder") { trial in
      let lock = try await trial.lock()
      let first = try await lock.acquire(within: nil)
      let old = first.held
      try await first.release()
      let next = try await trial.holder(lock)
      // Not for the answer, which differs between backends: for what it might do to the next holder.
      try? await old.extend()
      _ = await old.lost
      try trial.expect(next.isHolding && !old.isHeld, "the later holder alone to hold", seen: "something else")
      try await trial.expectBusy(try await trial.lock())
      try await next.release()
    },

    Check(8, "a release while the connection is down is no error, and is finished later", needs: [.cutOff]) { trial in
      let client = try await trial.client()
      let holder = try await trial.holder(client.lock(trial.name))
      let held = try await holder.granted()
      try await trial.whileCutOff(client) {
        trial.step("releasing while cut off")
        do throws(LockError) {
          try await holder.release()
        } catch {
          try trial.expect(error.code == .lockLost, "no error, or lockLost if it came too late", seen: "\(error)")
        }
        try trial.expect(!held.isHeld, "isHeld to be false after release", seen: "true")
      }
      trial.step("waiting for a release to be finished after the connection came back")
      let next = trial.contend(try await trial.lock())
      _ = try await next.granted()
      try await next.release()
      try await trial.expectNoLeftovers("by a release while cut off")
    },
  ]

  private static func dropLease(of lock: any DistributedLock) async throws -> HeldLock {
    let lease = try await lock.acquire(within: nil)
    return lease.held
  }
}

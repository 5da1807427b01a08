internal import Latchkey

extension LockConformance {
  static let isHeldChecks = [
    Check(2, "isHeld is true while the lock is held and false once it is released") { trial in
      let lease = try await trial.lock().acquire(within: nil)
      let held = lease.held
      for _ in 0..<10 {
        try trial.expect(held.isHeld, "isHeld while held", seen: "false")
        await Task.yield()
      }
      try await lease.release()
      try trial.expect(!held.isHeld, "isHeld to be false after release", seen: "true")
    },

    Check(2, "isHeld of a released lease stays false when the lock is granted again") { trial in
      let lock = try await trial.lock()
      let first = try await lock.acquire(within: nil)
      let old = first.held
      try await first.release()
      for _ in 0..<3 {
        let next = try await lock.acquire(within: nil)
        try trial.expect(!old.isHeld, "isHeld of the old lease to stay false", seen: "true")
        try await next.release()
      }
    },

    Check(2, "a deadline lies ahead while the lock is held, and moves forward", needs: [.deadlines]) { trial in
      let lease = try await trial.lock().acquire(within: nil)
      let held = lease.held
      guard let deadline = held.deadline else { throw Unmet(expected: "a deadline", seen: "nil") }
      try trial.expect(deadline > .now, "a deadline ahead", seen: "one that has passed")
      trial.step("waiting for the deadline to be moved forward")
      let isRenewed = try await eventually(within: trial.subject.patience) {
        held.deadline.map { $0 > deadline } ?? false
      }
      try trial.expect(isRenewed && held.isHeld, "a deadline that moves on by itself", seen: "\(deadline)")
      try await lease.release()
    },

    Check(2, "isHeld is false from the deadline on, and never true again", needs: [.deadlines, .cutOff]) { trial in
      let client = try await trial.client()
      let holder = try await trial.holder(client.lock(trial.name))
      let held = try await holder.granted()
      try await trial.whileCutOff(client) {
        trial.step("waiting for isHeld to become false")
        while true {
          // The clock is read first and the deadline last: if it had passed by `asked`, the answer had to be false.
          let asked = ContinuousClock.now
          guard held.isHeld else { return }
          guard let deadline = held.deadline else { throw Unmet(expected: "a deadline", seen: "nil") }
          try trial.expect(deadline > asked, "isHeld to be false from the deadline on", seen: "true")
          // Asked without a pause around the deadline, so that a flag which a timer flips is caught being late.
          if asked.duration(to: deadline) > .milliseconds(10) { try await Task.sleep(for: .milliseconds(2)) }
        }
      }
      trial.step("watching isHeld after the connection came back")
      let end = ContinuousClock.now.advanced(by: trial.subject.settling * 5)
      while .now < end {
        try trial.expect(!held.isHeld, "isHeld never to become true again", seen: "true")
        try await Task.sleep(for: .milliseconds(5))
      }
    },
  ]
}

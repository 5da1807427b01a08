internal import Latchkey
internal import LatchkeyPrimitives

extension LockConformance {
  static let scopedLockChecks =
    [
      Check(8, "withLock returns the body's value and releases") { trial in
        let lock = try await trial.lock()
        let value = try await lock.withLock { held in
          try trial.expect(held.isHeld, "isHeld in the body", seen: "false")
          try trial.expect(held.name == lock.name, "the lock's name", seen: "\(held.name)")
          return "value"
        }
        try trial.expect(value == "value", "the body's value", seen: value)
        try await trial.expectFree("after the body returned")
      },

      Check(8, "withLock rethrows the body's error as it is and releases") { trial in
        struct Own: Error {}
        let lock = try await trial.lock()
        do {
          try await lock.withLock { _ in throw Own() }
          throw Unmet(expected: "the body's error", seen: "none")
        } catch is Own {
          try await trial.expectFree("after the body threw")
        }
      },

      Check(8, "a body whose task is cancelled runs to its end, and the lock is then released") { trial in
        let lock = try await trial.lock()
        let isInside = OneShot<Void>()
        let work = Task {
          try await lock.withLock { held in
            isInside.resolve()
            try trial.expect(
              try await eventually(within: trial.subject.slack) { Task.isCancelled },
              "the body to see the cancellation of its caller",
              seen: "nothing"
            )
            try trial.expect(held.isHeld, "the lock to be held in a cancelled body", seen: "its end")
            try Task.checkCancellation()
          }
        }
        await isInside.value
        work.cancel()
        trial.step("waiting for a cancelled body to end")
        guard case .failure(let error) = await work.result else {
          throw Unmet(expected: "the body's CancellationError", seen: "no error")
        }
        try trial.expect(error is CancellationError, "the body's CancellationError", seen: "\(error)")
        try await trial.expectFree("after a cancelled body")
      },

      Check(8, "withLock keeps the caller's actor: its body changes the actor's state in place") { trial in
        let actor = Tally(lock: try await trial.lock())
        let count = try await actor.addUnderLock()
        try trial.expect(count == 1, "1", seen: "\(count)")
      },

      Check(8, "the body sees the task-local values of its caller") { trial in
        let lock = try await trial.lock()
        let seen = try await Tally.$tag.withValue("mine") { try await lock.withLock { _ in Tally.tag } }
        try trial.expect(seen == "mine", "the caller's task-local value", seen: seen)
      },
    ] + Self.lossInBodyChecks
}

/// An actor that counts under a lock.
private actor Tally {
  @TaskLocal static var tag = "default"

  private let lock: any DistributedLock
  private var count = 0

  init(lock: any DistributedLock) {
    self.lock = lock
  }

  func addUnderLock() async throws -> Int {
    try await self.lock.withLock { _ in
      // Traps if the body were elsewhere; the compiler alone already refuses a body that leaves the actor.
      self.assertIsolated()
      self.count += 1
      return self.count
    }
  }
}

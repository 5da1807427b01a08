internal import Latchkey
internal import LatchkeyPrimitives

extension LockConformance {
  static let deadlockChecks = [
    Check(
      11,
      "withLock inside the body of withLock on the same lock throws wouldDeadlock at once",
      needs: [.refusesOwner]
    ) { trial in
      let client = try await trial.client()
      trial.step("asking for the lock in a body that runs under it")
      try await client.lock(trial.name).withLock { held in
        // A value of its own: what counts is the name and the backend.
        let again = client.lock(trial.name)
        try await trial.expectError(.wouldDeadlock, from: "an inner withLock") { try await again.withLock { _ in } }
        try trial.expect(held.isHeld, "the outer body to hold the lock still", seen: "its end")
      }
      try await trial.expectFree("after an inner withLock was refused")
    },

    Check(11, "an inner withLock is refused behind the body of another lock as well", needs: [.refusesOwner]) { trial in
      let client = try await trial.client()
      let other = try trial.name("between")
      trial.step("asking for the outermost lock in the innermost body")
      try await client.lock(trial.name).withLock { _ in
        try await client.lock(other).withLock { _ in
          try await trial.expectError(.wouldDeadlock, from: "the innermost withLock") {
            try await client.lock(trial.name).withLock(within: trial.subject.slack) { _ in }
          }
        }
      }
    },

    Check(11, "a body may take a lock of another name, and the same task may lock again later") { trial in
      let client = try await trial.client()
      let other = try trial.name("other")
      trial.step("nesting locks of different names")
      for _ in 0..<2 {
        try await client.lock(trial.name).withLock { _ in try await client.lock(other).withLock { _ in } }
      }
    },

    Check(11, "a child task of the body waits, and is not told that it would deadlock") { trial in
      let client = try await trial.client()
      trial.step("asking for the lock in a child task of the body")
      try await client.lock(trial.name).withLock { _ in
        async let child: Void = client.lock(trial.name).withLock(within: .milliseconds(100)) { _ in }
        do {
          try await child
          throw Unmet(expected: "the child to wait while the body runs", seen: "that it got the lock")
        } catch LockError.Code.timedOut {
          // As it should be: nobody but the child's own budget ended its wait.
        }
      }
    },

    Check(11, "an unstructured task that the body starts gets the lock when the body has ended") { trial in
      let client = try await trial.client()
      let hasEnded = OneShot<Void>()
      let task = try await client.lock(trial.name).withLock { held in
        let task = Task.immediate {
          try await client.lock(trial.name).withLock { _ in
            try trial.expect(!held.isHeld, "the outer body to have ended", seen: "that it holds the lock")
          }
          hasEnded.resolve()
        }
        try await Task.sleep(for: trial.subject.settling)
        try trial.expect(hasEnded.current == nil, "the task to wait while the body runs", seen: "that it got the lock")
        return task
      }
      trial.step("waiting for a task that the body started")
      try await task.value
    },
  ]
}

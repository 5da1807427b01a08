internal import Latchkey
internal import LatchkeyPrimitives

extension LockConformance {
  static let lossChecks = [
    Check(3, "lost completes with nil when the lease is released") { trial in
      let holder = try await trial.holder(try await trial.lock())
      let held = try await holder.granted()
      let waiting = Task { await held.lost }
      try await Task.sleep(for: .milliseconds(20))
      try await holder.release()
      trial.step("waiting for lost to complete after a release")
      let loss = await waiting.value
      try trial.expect(loss == nil, "nil from lost", seen: "\(String(describing: loss))")
      trial.step("asking for lost of a released lease")
      let late = await held.lost
      try trial.expect(late == nil, "nil from lost of a released lease", seen: "\(String(describing: late))")
    },

    Check(3, "lost does not complete while the lock is held, and completes with nil when its waiter is cancelled") {
      trial in
      let holder = try await trial.holder(try await trial.lock())
      let held = try await holder.granted()
      let ended = OneShot<Void>()
      let waiting = Task {
        defer { ended.resolve() }
        return await held.lost
      }
      try await Task.sleep(for: .milliseconds(20))
      try trial.expect(ended.current == nil, "lost to wait while the lock is held", seen: "that it completed")
      waiting.cancel()
      trial.step("waiting for lost to complete after its waiter was cancelled")
      let loss = await waiting.value
      try trial.expect(loss == nil && held.isHeld, "nil from lost, and the lock held still", seen: "a loss")
      try await holder.release()
    },

    Check(3, "lost completes by the deadline when the client is cut off", needs: [.deadlines, .cutOff]) { trial in
      let client = try await trial.client()
      let held = try await trial.holder(client.lock(trial.name)).granted()
      let told = Task { (await held.lost, ContinuousClock.now) }
      try await trial.whileCutOff(client) {
        trial.step("waiting for lost to complete while cut off")
        let (loss, at) = await told.value
        try trial.expect(loss?.code == .lockLost, "a loss with code lockLost", seen: "\(String(describing: loss))")
        try trial.expect(!held.isHeld, "isHeld to be false once the loss is told", seen: "true")
        guard let deadline = held.deadline else { throw Unmet(expected: "a deadline", seen: "nil") }
        let late = deadline.duration(to: at)
        try trial.expect(late < trial.subject.slack, "the loss to be told by the deadline", seen: "\(late) later")
      }
    },

    Check(3, "the next grant comes when isHeld of a silent holder is false", needs: [.deadlines, .cutOff]) { trial in
      let client = try await trial.client()
      let held = try await trial.holder(client.lock(trial.name)).granted()
      let next = try await trial.queue(try await trial.lock(), count: 2)
      try await trial.whileCutOff(client) {
        trial.step("waiting for the second client to get the lock of one that is cut off")
        let other = try await next.granted()
        try trial.expect(!held.isHeld, "isHeld of the silent holder to be false at the next grant", seen: "true")
        try trial.expect(other.isHeld, "the next grant to stand", seen: "its end")
      }
      try await next.release()
    },

    Check(3, "an expired session is told as a loss, and the lock goes to the next", needs: [.expireSession]) { trial in
      let client = try await trial.client()
      let held = try await trial.holder(client.lock(trial.name)).granted()
      let told = Task { await held.lost }
      let next = try await trial.queue(try await trial.lock(), count: 2)
      try await client.expireSession()
      trial.step("waiting for the loss of an expired session to be told")
      let loss = await told.value
      try trial.expect(loss?.code == .lockLost, "a loss with code lockLost", seen: "\(String(describing: loss))")
      try trial.expect(!held.isHeld, "isHeld to be false once the loss is told", seen: "true")
      trial.step("waiting for the next client to get the lock")
      _ = try await next.granted()
      try await next.release()
    },

    Check(3, "a waiter whose session expires gets the lock all the same, once it is free", needs: [.expireSession]) {
      trial in
      let holder = try await trial.holder(try await trial.lock())
      let client = try await trial.client()
      let waiter = try await trial.queue(client.lock(trial.name), count: 2)
      try await client.expireSession()
      try await Task.sleep(for: trial.subject.settling)
      try trial.expect(
        holder.isHolding && waiter.isWaiting,
        "the waiter to wait on",
        seen: "\(String(describing: waiter.outcome))"
      )
      try await holder.release()
      trial.step("waiting for a waiter with a new session to get the lock")
      let held = try await waiter.granted()
      try trial.expect(held.isHeld, "the grant to stand", seen: "its end")
      try await waiter.release()
      try await trial.expectNoLeftovers("by a waiter whose session expired")
    },

    Check(3, "a lock that is deleted by hand is told as a loss", needs: [.breakLock]) { trial in
      let holder = try await trial.holder(try await trial.lock())
      let held = try await holder.granted()
      let told = Task { await held.lost }
      try await Task.sleep(for: trial.subject.settling)
      try await trial.subject.breakLock?(trial.name)
      trial.step("waiting for the loss of a deleted lock to be told")
      let loss = await told.value
      try trial.expect(loss?.code == .lockLost, "a loss with code lockLost", seen: "\(String(describing: loss))")
      try trial.expect(!held.isHeld, "isHeld to be false once the loss is told", seen: "true")
      try await trial.expectFree("after it was deleted by hand")
    },

    Check(3, "a release that finds its lock deleted behind the holder's back throws lockLost", needs: [.breakLock]) {
      trial in
      let holder = try await trial.holder(try await trial.lock())
      try await trial.subject.breakLock?(trial.name)
      trial.step("releasing a lock that was deleted a moment ago")
      try await trial.expectError(.lockLost, from: "release of a deleted lock") { try await holder.release() }
      try await trial.expectFree("after it was deleted by hand and released")
      try await trial.expectNoLeftovers("by a lock that was deleted by hand and released")
    },

    Check(3, "releasing a lost lease throws lockLost and frees no later holder", needs: [.deadlines, .cutOff]) {
      trial in
      let client = try await trial.client()
      let holder = try await trial.holder(client.lock(trial.name))
      let next = try await trial.queue(try await trial.lock(), count: 2)
      try await trial.whileCutOff(client) {
        trial.step("waiting for the second client to get the lock of one that is cut off")
        _ = try await next.granted()
      }
      trial.step("releasing a lost lease")
      try await trial.expectError(.lockLost, from: "release of a lost lease") { try await holder.release() }
      try await Task.sleep(for: trial.subject.settling * 3)
      try trial.expect(next.isHolding, "the later holder to hold still", seen: "its end")
      try await trial.expectBusy(try await trial.lock())
      try await next.release()
    },
  ]

  /// Whether a loss is told through `withLock`.
  static let lossInBodyChecks = [
    Check(3, "withLock cancels its body on loss and throws lockLost", needs: [.deadlines, .cutOff]) { trial in
      let client = try await trial.client()
      let lock = client.lock(trial.name)
      let error = await trial.errorAfterLoss(client) {
        try await lock.withLock { _ in
          try await client.cutOff()
          trial.step("waiting in the body to be cancelled by the loss")
          try await Task.sleep(for: .seconds(3600))
        }
      }
      try trial.expect(LockError.Code.lockLost ~= error, "lockLost from withLock", seen: "\(error)")
    },

    Check(3, "withLock throws lockLost if its lock was deleted behind the body's back", needs: [.breakLock]) { trial in
      let lock = try await trial.lock()
      try await trial.expectError(.lockLost, from: "withLock on a deleted lock") {
        try await lock.withLock { _ in
          try await trial.subject.breakLock?(trial.name)
          trial.step("releasing after a body that ended when its lock had been deleted a moment ago")
        }
      }
      try await trial.expectFree("after it was deleted by hand and its body returned")
    },

    Check(3, "a body's own error after a loss comes through, with the loss", needs: [.deadlines, .cutOff]) { trial in
      struct Own: Error {}
      let client = try await trial.client()
      let lock = client.lock(trial.name)
      let error = await trial.errorAfterLoss(client) {
        try await lock.withLock { held in
          try await client.cutOff()
          trial.step("waiting in the body for the loss")
          _ = await held.lost
          throw Own()
        }
      }
      guard let failure = error as? BodyFailedAfterLoss else {
        throw Unmet(expected: "BodyFailedAfterLoss", seen: "\(error)")
      }
      try trial.expect(failure.bodyError is Own, "the body's error", seen: "\(failure.bodyError)")
      try trial.expect(failure.loss.code == .lockLost, "the loss", seen: "\(failure.loss)")
    },

    Check(3, "withLock throws lockLost after a loss, even if its body returns a value", needs: [.deadlines, .cutOff]) {
      trial in
      let client = try await trial.client()
      let lock = client.lock(trial.name)
      let error = await trial.errorAfterLoss(client) {
        _ = try await lock.withLock { held in
          try await client.cutOff()
          trial.step("waiting in the body for the loss")
          // The loss cancels this task; what is asked here is what comes of a body that goes on and returns all the same.
          while held.isHeld { await Task.detached { try? await Task.sleep(for: .milliseconds(5)) }.value }
          return 42
        }
      }
      try trial.expect(LockError.Code.lockLost ~= error, "lockLost from withLock", seen: "\(error)")
    },

    Check(
      3,
      "the body of withLock is cancelled when the session expires, and withLock throws lockLost",
      needs: [.expireSession]
    ) {
      trial in
      let client = try await trial.client()
      try await trial.expectLossInBody(of: client) { try await client.expireSession() }
    },

    Check(
      3,
      "the body of withLock is cancelled when the lock is deleted by hand, and withLock throws lockLost",
      needs: [.breakLock]
    ) {
      trial in
      try await trial.expectLossInBody(of: try await trial.client()) {
        try await Task.sleep(for: trial.subject.settling)
        try await trial.subject.breakLock?(trial.name)
      }
    },
  ]
}

extension Trial {
  /// Expects that a body hears of a loss that it brings about, whether or not the lease has a deadline.
  fileprivate func expectLossInBody(of client: TestClient, _ lose: () async throws -> Void) async throws {
    let lock = client.lock(self.name)
    try await self.expectError(.lockLost, from: "withLock") {
      try await lock.withLock { _ in
        try await lose()
        self.step("waiting in the body to be cancelled by the loss")
        try await Task.sleep(for: .seconds(3600))
      }
    }
  }

  /// The error of an operation that cuts a client off; the client is healed afterwards.
  fileprivate func errorAfterLoss(_ client: TestClient, _ operation: () async throws -> Void) async -> any Error {
    do {
      try await self.withHealing(client, operation)
      return Unmet(expected: "an error", seen: "none")
    } catch {
      return error
    }
  }
}

internal import Latchkey

extension LockConformance {
  static let busyChecks = [
    Check(5, "tryAcquire gives nil while another client holds the lock") { trial in
      let holder = try await trial.holder(try await trial.lock())
      let other = try await trial.lock()
      for _ in 0..<5 { try await trial.expectBusy(other) }
      try await holder.release()
      try await trial.expectNotBusy(other)
    },

    Check(5, "tryAcquire gives nil while the same client holds the lock") { trial in
      let lock = try await trial.lock()
      let holder = try await trial.holder(lock)
      for _ in 0..<5 { try await trial.expectBusy(lock) }
      try await holder.release()
      try await trial.expectNotBusy(lock)
    },

    Check(5, "tryAcquire never gives nil while the lock is free") { trial in
      let locks = [try await trial.lock(), try await trial.lock()]
      for round in 0..<40 { try await trial.expectNotBusy(locks[round % 2]) }
    },

    Check(5, "withLockIfAvailable runs its body on a free lock, and gives nil without running it on a held one") {
      trial in
      let lock = try await trial.lock()
      let free = try await lock.withLockIfAvailable { _ in 42 }
      try trial.expect(free == 42, "the body's value", seen: "\(String(describing: free))")
      let holder = try await trial.holder(try await trial.lock())
      let busy: Bool? = try await lock.withLockIfAvailable { _ in true }
      try trial.expect(busy == nil, "nil", seen: "that the body ran")
      try await holder.release()
    },

    Check(5, "tryAcquire throws, and does not say busy, when the servers cannot be reached", needs: [.cutOff]) {
      trial in
      let client = try await trial.client()
      let lock = client.lock(trial.name)
      try await trial.expectNotBusy(lock)
      let error = try await trial.whileCutOff(client) { () -> LockError? in
        trial.step("trying to acquire while cut off")
        do throws(LockError) {
          if let lease = try await lock.tryAcquire() {
            await lease.releaseQuietly()
            throw LockError(.backendFailure, message: "a lease was granted while the client was cut off")
          }
          return nil
        } catch {
          return error
        }
      }
      guard let error else { throw Unmet(expected: "an error", seen: "nil, which means busy") }
      try trial.expect(error.code == .unreachable, "code unreachable", seen: "\(error.code): \(error)")
    },

    Check(
      5,
      "timedOut names the holder, and the place where there is a queue, whether this client holds the lock or another does",
      needs: [.namedHolders]
    ) { trial in
      let client = try await trial.client()
      for holding in [client.lock(trial.name), try await trial.lock()] {
        let holder = try await trial.holder(holding)
        trial.step("waiting for a lock that \(holding.backend) has granted")
        try await trial.expectHolder(place: 1, of: client.lock(trial.name))
        try await holder.release()
      }
      let holder = try await trial.holder(client.lock(trial.name))
      let ahead = try await trial.queue(client.lock(trial.name), count: 2)
      trial.step("waiting behind another caller of the same client")
      try await trial.expectHolder(place: 2, of: client.lock(trial.name))
      try await holder.release()
      _ = try await ahead.granted()
      try await ahead.release()
    },

    Check(
      5,
      "acquire with a budget on a free lock says unreachable, not timedOut, when the servers fall silent",
      needs: [.cutOff]
    ) { trial in
      let client = try await trial.client()
      let lock = client.lock(trial.name)
      try await lock.acquire(within: nil).release()
      // The second caller stands behind the first in the line within the process.
      let errors = try await trial.whileCutOff(client) { () -> [LockError?] in
        trial.step("acquiring while cut off")
        let callers = (0..<2).map { _ in trial.contend(lock, within: .milliseconds(500)) }
        var errors: [LockError?] = []
        for caller in callers { errors.append(await caller.error()) }
        return errors
      }
      for error in errors {
        try trial.expect(error?.code == .unreachable, "code unreachable", seen: error.map { "\($0)" } ?? "a grant")
      }
      trial.step("acquiring after the silence")
      try await lock.acquire(within: trial.subject.patience).release()
    },

    Check(5, "timedOut says how long the wait was, which lock was meant, and what to do") { trial in
      let holder = try await trial.holder(try await trial.lock())
      let budget = Duration.milliseconds(200)
      let lock = try await trial.lock()
      let error = await trial.contend(lock, within: budget).error()
      guard let error, error.code == .timedOut else {
        throw Unmet(expected: "timedOut", seen: error.map { "\($0)" } ?? "a grant")
      }
      try trial.expect(
        error.name == lock.name,
        "the lock's name in the error",
        seen: "\(String(describing: error.name))"
      )
      guard let waited = error.wait?.waited else { throw Unmet(expected: "wait.waited", seen: "nil") }
      try trial.expect(
        waited >= budget && waited < budget + trial.subject.slack,
        "wait.waited to be about \(budget)",
        seen: "\(waited)"
      )
      if let place = error.wait?.place {
        try trial.expect(place == 1, "one contender ahead, where the place is known", seen: "\(place)")
      }
      try trial.expect("\(error)".contains("\(lock.name)"), "the lock's name in the message", seen: "\(error)")
      try await holder.release()
    },
  ]
}

extension Trial {
  /// Expects that a wait for a lock that a client of this process holds says so, and how many stood before it.
  fileprivate func expectHolder(place: Int, of lock: any DistributedLock) async throws {
    let error = await self.contend(lock, within: .milliseconds(400)).error()
    try self.expect(error?.code == .timedOut, "timedOut", seen: "\(String(describing: error))")
    let holder = error?.wait?.holder ?? "nobody"
    let known = ContenderDescription.thisProcess(label: nil)
    // With a label where the client gives itself one.
    try self.expect(holder.hasPrefix(known), "the holder as \(known)", seen: holder)
    // Where the backend keeps no queue, nobody can tell.
    let seen = error?.wait?.place
    guard seen != nil || self.subject.traits.contains(.fair) else { return }
    try self.expect(seen == place, "place \(place)", seen: "place \(seen.map { "\($0)" } ?? "nil")")
  }
}

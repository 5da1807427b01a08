internal import Latchkey

extension LockConformance {
  static let downgradeChecks = [
    Check(
      1,
      "a downgraded writer lets readers in and keeps writers out, those included that waited before",
      needs: [.downgrade]
    ) { trial in
      let lock = try await trial.downgradable()
      let locks = try await trial.readWriteLocks(3)
      let write = try await lock.writing.acquire(within: nil)
      let reader = try await trial.queue(locks[0].reading, count: 2)
      let writer = try await trial.queue(locks[1].writing, count: 3)
      trial.step("downgrading a writer with a reader and a writer behind it")
      let read = try await lock.downgrade(write)
      trial.step("waiting for a reader behind a downgraded writer")
      _ = try await reader.granted()
      try await trial.expectWaiting(writer, "a writer that waited before the downgrade")
      try await trial.expectBusy(locks[2].writing)
      try await reader.release()
      try await trial.expectWaiting(writer, "a writer behind the downgraded one")
      try trial.expect(read.held.isHeld, "the downgraded lease to be held", seen: "its end")
      try await read.release()
      trial.step("waiting for a writer behind a downgraded one that has released")
      _ = try await writer.granted()
      try await writer.release()
      try await trial.expectNoLeftovers("by a downgraded writer")
    },

    Check(1, "a writer that waits right behind a downgraded one waits for its release", needs: [.downgrade]) { trial in
      let lock = try await trial.downgradable()
      let write = try await lock.writing.acquire(within: nil)
      let writer = try await trial.queue(try await trial.readWriteLock().writing, count: 2)
      trial.step("downgrading a writer with a writer behind it")
      let read = try await lock.downgrade(write)
      try await trial.expectWaiting(writer, "a writer that waited before the downgrade")
      try await read.release()
      trial.step("waiting for a writer behind a downgraded one that has released")
      _ = try await writer.granted()
      try await writer.release()
    },

    Check(
      2,
      "the view of a writer ends with its downgrade, and that of the reader it became stands",
      needs: [.downgrade]
    ) { trial in
      let lock = try await trial.downgradable()
      let write = try await lock.writing.acquire(within: nil)
      let old = write.held
      let told = Task { await old.lost }
      trial.step("downgrading")
      let read = try await lock.downgrade(write)
      try trial.expect(!old.isHeld, "isHeld of the writer's view to be false", seen: "true")
      try trial.expect(read.held.isHeld, "isHeld of the reader's view", seen: "false")
      trial.step("waiting for lost of a downgraded writer")
      let loss = await told.value
      try trial.expect(loss == nil, "nil from lost of the writer", seen: "\(String(describing: loss))")
      try await Task.sleep(for: trial.subject.settling)
      try trial.expect(read.held.isHeld, "the reader to hold on", seen: "its end")
      try await read.release()
      try await trial.expectFree("after a downgraded writer has released")
    },

    Check(
      4,
      "the token of a downgraded writer is above its own before and below that of a writer that waited already",
      needs: [.downgrade, .fencingTokens]
    ) { trial in
      let lock = try await trial.downgradable()
      var order = TokenOrder()
      for _ in 0..<3 {
        let write = try await lock.writing.acquire(within: nil)
        try order.note(write.held.token, isWriter: true)
        let writer = try await trial.queue(try await trial.readWriteLock().writing, count: 2)
        let read = try await lock.downgrade(write)
        try order.note(read.held.token, isWriter: false)
        try await read.release()
        trial.step("waiting for a writer behind a downgraded one")
        try order.note(try await writer.granted().token, isWriter: true)
        try await writer.release()
      }
    },

    Check(5, "downgrade refuses a lease of another lock, or of a reader, and releases it", needs: [.downgrade]) {
      trial in
      let client = try await trial.client()
      let lock = try trial.downgradable(client)
      let other = try client.readWriteLock(try trial.name("other"))
      for wrong in [lock.reading, other.reading, other.writing] as [any DistributedLock] {
        let lease = try await wrong.acquire(within: trial.subject.slack)
        let held = lease.held
        do {
          try await lock.downgrade(lease).release()
          throw Unmet(expected: "a foreign lease to be refused", seen: "that it was taken")
        } catch LockError.Code.invalidConfiguration {
          try trial.expect(!held.isHeld, "the refused lease to be released", seen: "that it is held")
        }
      }
      try await trial.expectFree("after downgrades were refused")
      try await other.writing.acquire(within: trial.subject.slack).release()
    },

    Check(3, "the downgrade of a lost writer throws lockLost", needs: [.downgrade, .expireSession]) { trial in
      let client = try await trial.client()
      let lock = try trial.downgradable(client)
      let write = try await lock.writing.acquire(within: nil)
      let held = write.held
      try await client.expireSession()
      trial.step("waiting for the loss of an expired writer to be told")
      _ = await held.lost
      do {
        try await lock.downgrade(write).release()
        throw Unmet(expected: "lockLost from the downgrade of a lost writer", seen: "a lease")
      } catch LockError.Code.lockLost {
        try await trial.expectFree("after the downgrade of a lost writer")
      }
    },
  ]
}

extension Trial {
  fileprivate func downgradable() async throws -> any DowngradableReadWriteLock {
    try self.downgradable(try await self.client())
  }

  fileprivate func downgradable(_ client: TestClient) throws -> any DowngradableReadWriteLock {
    let lock = try client.readWriteLock(self.name)
    guard let lock = lock as? any DowngradableReadWriteLock else {
      throw Unmet(expected: "a lock that can be downgraded", seen: "\(type(of: lock))")
    }
    return lock
  }
}

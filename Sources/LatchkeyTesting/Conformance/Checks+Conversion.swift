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

  static let upgradeChecks = [
    Check(1, "a reader that is alone upgrades, and is alone then", needs: [.upgrade]) { trial in
      let lock = try await trial.upgradable()
      let other = try await trial.readWriteLock()
      let read = try await lock.reading.acquire(within: nil)
      let old = read.held
      trial.step("upgrading the only reader")
      let write = try await trial.upgraded(lock, read)
      try trial.expect(!old.isHeld && write.held.isHeld, "the writer's view alone to stand", seen: "another")
      try await trial.expectBusy(other.reading)
      try await trial.expectBusy(other.writing)
      if let before = old.token, let after = write.held.token {
        try trial.expect(after > before, "a token above \(before)", seen: "\(after)")
      }
      trial.step("downgrading an upgraded reader")
      let again = try await lock.downgrade(write)
      try await trial.expectNotBusy(other.reading)
      try await again.release()
      try await trial.expectFree("after a reader has upgraded, downgraded and released")
      try await trial.expectNoLeftovers("by a reader that upgraded")
    },

    Check(
      1,
      "a reader beside another gets busy, keeps its lease and its token, and keeps nobody out",
      needs: [.upgrade]
    ) { trial in
      let lock = try await trial.upgradable()
      let locks = try await trial.readWriteLocks(2)
      let other = try await trial.holder(locks[0].reading)
      let read = try await lock.reading.acquire(within: nil)
      let token = read.held.token
      trial.step("upgrading one of two readers")
      let kept = try await trial.refusedUpgrade(lock, read)
      try trial.expect(kept.held.isHeld && kept.held.token == token, "the reader's lease as it was", seen: "another")
      try trial.expect(other.isHolding, "the other reader to hold still", seen: "its end")
      trial.step("reading beside a reader that could not upgrade")
      try await locks[1].reading.acquire(within: trial.subject.slack).release()
      try await other.release()
      try await trial.expectBusy(locks[1].writing)
      try await kept.release()
      try await trial.expectFree("after a reader that could not upgrade has released")
      try await trial.expectNoLeftovers("by a reader that could not upgrade")
    },

    Check(1, "a reader that a writer waits for gets busy", needs: [.upgrade, .servedWriters]) { trial in
      let lock = try await trial.upgradable()
      let read = try await lock.reading.acquire(within: nil)
      let writer = try await trial.queue(try await trial.readWriteLock().writing, count: 2)
      trial.step("upgrading a reader with a writer behind it")
      let kept = try await trial.refusedUpgrade(lock, read)
      try await trial.expectWaiting(writer, "the writer")
      try await kept.release()
      trial.step("waiting for a writer behind a reader that could not upgrade")
      _ = try await writer.granted()
      try await writer.release()
    },

    Check(1, "two readers that upgrade at the same time are never both writers", needs: [.upgrade]) { trial in
      let locks = [try await trial.upgradable(), try await trial.upgradable()]
      for round in 0..<20 {
        trial.step("upgrading two readers at once, round \(round)")
        let leases = [
          LeaseBox(try await locks[0].reading.acquire(within: nil)),
          LeaseBox(try await locks[1].reading.acquire(within: nil)),
        ]
        let upgraded = try await withThrowingTaskGroup(of: Bool.self) { group in
          for (lock, lease) in zip(locks, leases) { group.addTask { try await lease.tryUpgrade(lock) } }
          return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        try trial.expect(upgraded == 0, "both readers to get busy", seen: "\(upgraded) upgraded beside another reader")
        for lease in leases { try await lease.release() }
      }
      try await trial.expectFree("after readers have tried to upgrade at once")
      try await trial.expectNoLeftovers("by readers that tried to upgrade at once")
    },

    Check(5, "tryUpgrade refuses a lease of another lock, or of a writer, and releases it", needs: [.upgrade]) {
      trial in
      let client = try await trial.client()
      let lock = try trial.upgradable(client)
      let other = try client.readWriteLock(try trial.name("other"))
      for wrong in [lock.writing, other.reading, other.writing] as [any DistributedLock] {
        let lease = try await wrong.acquire(within: trial.subject.slack)
        let held = lease.held
        do {
          switch try await lock.tryUpgrade(lease) {
          case .upgraded(let write): try await write.release()
          case .busy(let read): try await read.release()
          }
          throw Unmet(expected: "a foreign lease to be refused", seen: "that it was taken")
        } catch LockError.Code.invalidConfiguration {
          try trial.expect(!held.isHeld, "the refused lease to be released", seen: "that it is held")
        }
      }
      try await trial.expectFree("after upgrades were refused")
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

  fileprivate func upgradable() async throws -> any UpgradableReadWriteLock {
    try self.upgradable(try await self.client())
  }

  fileprivate func upgradable(_ client: TestClient) throws -> any UpgradableReadWriteLock {
    let lock = try client.readWriteLock(self.name)
    guard let lock = lock as? any UpgradableReadWriteLock else {
      throw Unmet(expected: "a lock that can be upgraded", seen: "\(type(of: lock))")
    }
    return lock
  }

  /// The lease of a reader that must become the writer.
  fileprivate func upgraded(_ lock: any UpgradableReadWriteLock, _ lease: consuming Lease) async throws -> Lease {
    switch try await lock.tryUpgrade(lease) {
    case .upgraded(let write): return write
    case .busy(let read):
      await read.releaseQuietly()
      throw Unmet(expected: "the only reader to become the writer", seen: "busy")
    }
  }

  /// The lease of a reader that must not become the writer.
  fileprivate func refusedUpgrade(_ lock: any UpgradableReadWriteLock, _ lease: consuming Lease) async throws -> Lease {
    switch try await lock.tryUpgrade(lease) {
    case .busy(let read): return read
    case .upgraded(let write):
      await write.releaseQuietly()
      throw Unmet(expected: "busy", seen: "an upgrade beside others")
    }
  }
}

extension LeaseBox {
  /// Tries to turn the reader in the box into a writer, and keeps whichever lease comes of it.
  ///
  /// - Returns: Whether it is the writer now.
  fileprivate func tryUpgrade(_ lock: any UpgradableReadWriteLock) async throws -> Bool {
    guard let lease = self.take() else { return false }
    switch try await lock.tryUpgrade(lease) {
    case .upgraded(let write):
      self.put(write)
      return true
    case .busy(let read):
      self.put(read)
      return false
    }
  }
}

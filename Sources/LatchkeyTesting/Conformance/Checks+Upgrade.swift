internal import Latchkey

extension LockConformance {
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

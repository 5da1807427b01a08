internal import Latchkey
internal import LatchkeyPrimitives

extension LockConformance {
  static let readWriteExclusionChecks = [
    Check(1, "readers hold the lock together, those of one client and those of several") { trial in
      let locks = try await trial.readWriteLocks(2)
      trial.step("taking the reading half six times")
      let readers = try await trial.readers(6, of: locks)
      let count = readers.count(where: \.isHolding)
      try trial.expect(count == 6, "six readers at once", seen: "\(count)")
      try await trial.expectBusy(locks[0].writing)
      for reader in readers { try await reader.release() }
      try await trial.expectFree("after all readers have released")
      try await trial.expectNoLeftovers("by readers")
    },

    Check(1, "a writer is alone, for many tasks of several clients that read and write") { trial in
      let inside = Occupancy()
      let counts = Locked((reads: 0, writes: 0))
      try await trial.crowd(clients: 3, tasksEach: 4, rounds: 10) { client, worker in
        let lock = try client.readWriteLock(trial.name)
        // One writer and three readers of each client.
        let isWriter = worker % 4 == 0
        try await (isWriter ? lock.writing : lock.reading).withLock { _ in
          inside.enter(asWriter: isWriter)
          counts.withLock { if isWriter { $0.writes += 1 } else { $0.reads += 1 } }
          // Long enough for another to be granted the lock, if anybody can be.
          try await Task.sleep(for: .milliseconds(1))
          inside.leave(asWriter: isWriter)
        }
      }
      try trial.expect(inside.conflicts == 0, "no writer beside anybody", seen: "\(inside.conflicts) such moments")
      let (reads, writes) = counts.withLock { $0 }
      try trial.expect(reads == 90 && writes == 30, "90 reads and 30 writes", seen: "\(reads) and \(writes)")
    },

    Check(5, "tryAcquire of either half gives nil beside a writer, and of the writing half beside a reader") { trial in
      let locks = try await trial.readWriteLocks(2)
      let writer = try await trial.holder(locks[0].writing)
      for lock in locks {
        try await trial.expectBusy(lock.reading)
        try await trial.expectBusy(lock.writing)
      }
      try await writer.release()
      let reader = try await trial.holder(locks[0].reading)
      for lock in locks {
        try await trial.expectBusy(lock.writing)
        try await trial.expectNotBusy(lock.reading)
      }
      try await reader.release()
      for lock in locks { try await trial.expectNotBusy(lock.writing) }
    },

    Check(8, "the release of one reader frees neither the others nor the lock") { trial in
      let locks = try await trial.readWriteLocks(2)
      // Two of one client, one of another.
      let readers = try await trial.readers(3, of: locks)
      for (index, reader) in readers.enumerated() {
        try await reader.release()
        let rest = readers[(index + 1)...]
        try trial.expect(rest.allSatisfy(\.isHolding), "the other readers to hold still", seen: "the end of one")
        if !rest.isEmpty { try await trial.expectBusy(locks[0].writing) }
      }
      try await trial.expectFree("after its last reader has released")
    },

    Check(10, "the wait of a reader ends when its budget is used up, and a budget of zero tries once") { trial in
      let locks = try await trial.readWriteLocks(2)
      try await locks[1].reading.acquire(within: .zero).release()
      let writer = try await trial.holder(locks[0].writing)
      for budget in [Duration.zero, .milliseconds(200)] {
        let start = ContinuousClock.now
        trial.step("reading with a budget of \(budget) beside a writer")
        try await trial.expectError(.timedOut, from: "a reader's wait for a writer") {
          try await locks[1].reading.acquire(within: budget).release()
        }
        let waited = start.duration(to: .now)
        try trial.expect(
          waited >= budget && waited < budget + trial.subject.slack,
          "a wait of about \(budget)",
          seen: "\(waited)"
        )
      }
      try await writer.release()
      try await trial.expectNoLeftovers("by a reader that timed out")
    },
  ]

  static let readWriteTokenChecks = [
    Check(
      4,
      "a writer's token is above those of all before it, a reader's above those of all writers before it",
      needs: [.fencingTokens]
    ) { trial in
      let locks = try await trial.readWriteLocks(3)
      var order = TokenOrder()
      for round in 0..<5 {
        try order.note(try await trial.token(of: locks[round % 3].writing), isWriter: true)
        let readers = [
          try await trial.holder(locks[(round + 1) % 3].reading),
          try await trial.holder(locks[(round + 2) % 3].reading),
        ]
        for reader in readers { try order.note(try await reader.granted().token, isWriter: false) }
        for reader in readers { try await reader.release() }
      }
    },

    Check(4, "tokens grow from writer to readers to writer when the lock is handed on", needs: [.fencingTokens]) {
      trial in
      let locks = try await trial.readWriteLocks(4)
      let isWriter = [true, false, false, true, false, true]
      var contenders = [try await trial.holder(locks[0].writing)]
      for (index, isWriter) in isWriter.enumerated().dropFirst() {
        let lock = locks[index % 4]
        contenders.append(try await trial.queue(isWriter ? lock.writing : lock.reading, count: index + 1))
      }
      for contender in contenders { contender.releaseWhenGranted() }
      trial.step("waiting for readers and writers to be served")
      for contender in contenders { _ = try await contender.granted() }
      var order = TokenOrder()
      for grant in trial.grants { try order.note(grant.token, isWriter: isWriter[grant.contender]) }
    },

    Check(
      4,
      "the token of a lost writer is refused by a resource that a later reader has read",
      needs: [.fencingTokens, .deadlines, .cutOff]
    ) { trial in
      let client = try await trial.client()
      let held = try await trial.holder(try client.readWriteLock(trial.name).writing).granted()
      let next = try await trial.queue(try await trial.readWriteLock().reading, count: 2)
      let gate = ReadWriteFenceGate()
      guard let old = held.token else { throw Unmet(expected: "a token", seen: "nil") }
      try gate.admitWrite(old) {}
      try await trial.whileCutOff(client) {
        trial.step("waiting for a reader to get the lock of a writer that is cut off")
        guard let token = try await next.granted().token else { throw Unmet(expected: "a token", seen: "nil") }
        try gate.admitRead(token) {}
      }
      do {
        try gate.admitWrite(old) {}
      } catch is StaleToken {
        return try await next.release()
      }
      throw Unmet(expected: "the late write to be refused", seen: "that it was admitted")
    },
  ]

  static let readWriteDeadlockChecks = [
    Check(11, "either half throws wouldDeadlock in the body of either, reading within reading included") { trial in
      let client = try await trial.client()
      let lock = try client.readWriteLock(trial.name)
      for outer in [lock.reading, lock.writing] as [any DistributedLock] {
        try await outer.withLock { held in
          for inner in [lock.reading, lock.writing] as [any DistributedLock] {
            trial.step("asking for one half in the body of another")
            try await trial.expectError(.wouldDeadlock, from: "an inner withLock") { try await inner.withLock { _ in } }
          }
          try trial.expect(held.isHeld, "the outer body to hold the lock still", seen: "its end")
        }
      }
      try await trial.expectFree("after inner bodies were refused")
    }
  ]
}

extension Trial {
  /// Starts readers, in turn of several locks' clients, that hold all at once.
  func readers(_ count: Int, of locks: [any DistributedReadWriteLock]) async throws -> [Contender] {
    var readers: [Contender] = []
    for index in 0..<count { readers.append(try await self.holder(locks[index % locks.count].reading)) }
    return readers
  }
}

internal import Latchkey

extension LockConformance {
  static let permitExclusionChecks = [
    Check(1, "as many holders as the limit says at some time, and never more, for many tasks of several clients") {
      trial in
      let inside = Occupancy()
      try await trial.crowd(clients: 3, tasksEach: 4, rounds: 8) { client, _ in
        try await client.semaphore(trial.name, .fixed(3)).withPermit { _ in
          inside.enter(with: 1)
          // Until the limit has been reached once, much longer than a grant takes: those who wait may be let in one after the other.
          try await Task.sleep(for: .milliseconds(inside.mostPermits < 3 ? 50 : 2))
          inside.leave(with: 1)
        }
      }
      let most = inside.mostPermits
      try trial.expect(most == 3, "three at once, and never more", seen: "\(most)")
      try await trial.expectAllFree(.fixed(3), "after many tasks")
      try await trial.expectNoLeftovers("after all have released")
    },

    Check(1, "requests for one permit and for several hold no more than the limit together, and all are served") {
      trial in
      let inside = Occupancy()
      try await trial.crowd(clients: 2, tasksEach: 4, rounds: 8) { client, worker in
        // Two of two each, of three: whoever took them one by one would wait for another who does the same.
        let permits = worker % 4 == 0 ? 1 : worker % 4 == 1 ? 3 : 2
        try await client.semaphore(trial.name, .fixed(3)).withPermits(permits) { _ in
          inside.enter(with: permits)
          try await Task.sleep(for: .milliseconds(1))
          inside.leave(with: permits)
        }
      }
      let most = inside.mostPermits
      try trial.expect(most == 3, "three permits in use at once, and never more", seen: "\(most)")
      try await trial.expectAllFree(.fixed(3), "after requests of all sizes")
    },

    Check(1, "semaphores of different names do not count one another's permits") { trial in
      let client = try await trial.client()
      let first = try await client.semaphore(trial.name, .fixed(1)).acquire()
      let second = try await client.semaphore(try trial.name("other"), .fixed(1)).acquire(within: trial.subject.slack)
      try trial.expect(first.held.isHeld, "the first permit to be held still", seen: "its end")
      try await second.release()
      try await first.release()
    },

    Check(4, "permits carry no token") { trial in
      let lease = try await trial.client().semaphore(trial.name, .fixed(2)).acquire(2)
      try trial.expect(lease.held.token == nil, "a nil token", seen: "\(String(describing: lease.held.token))")
      try await lease.release()
    },

    Check(8, "a release gives back all permits of its lease, and no others") { trial in
      let semaphores = try await trial.semaphores(2, .fixed(3))
      let two = try await trial.holder(semaphores[0], 2)
      let one = try await trial.holder(semaphores[1], 1)
      try await two.release()
      try trial.expect(one.isHolding, "the other lease to be held still", seen: "its end")
      try await trial.expectBusy(PermitLock(semaphore: semaphores[1], permits: 3))
      try await trial.expectNotBusy(PermitLock(semaphore: semaphores[1], permits: 2))
      try await one.release()
      try await trial.expectAllFree(.fixed(3), "after both have released")
    },

    Check(8, "withPermits returns the body's value, and a body may take more permits where they are free") { trial in
      let semaphore = try await trial.semaphore(.fixed(3))
      let value = try await semaphore.withPermits(2) { held in
        try await semaphore.withPermit { inner in held.isHeld && inner.isHeld }
      }
      try trial.expect(value, "both leases to be held in the inner body", seen: "an end")
      let none: Bool? = try await semaphore.withPermits(2) { _ in
        try await semaphore.withPermitsIfAvailable(2) { _ in true }
      }
      try trial.expect(none == nil, "nil where one of two is free", seen: "that the body ran")
      try await trial.expectAllFree(.fixed(3), "after bodies have ended")
    },
  ]

  static let permitBusyChecks = [
    Check(5, "tries get the permits there are, one after the other, and then nil") { trial in
      let semaphores = try await trial.semaphores(2, .fixed(3))
      var holders: [LeaseBox] = []
      for index in 0..<3 {
        guard let lease = try await semaphores[index % 2].tryAcquire() else {
          throw Unmet(expected: "a permit while \(3 - index) are free", seen: "nil")
        }
        holders.append(LeaseBox(lease))
      }
      for semaphore in semaphores { try await trial.expectBusy(PermitLock(semaphore: semaphore, permits: 1)) }
      try await holders[1].release()
      try await trial.expectNotBusy(PermitLock(semaphore: semaphores[0], permits: 1))
      for holder in holders { try await holder.release() }
      try await trial.expectNoLeftovers("by tries")
    },

    Check(5, "of many tries at once as many get a permit as there are, at most, and at least one does") { trial in
      let semaphores = try await trial.semaphores(4, .fixed(2))
      for round in 0..<10 {
        trial.step("trying eight times at once, round \(round)")
        let boxes = try await withThrowingTaskGroup(of: LeaseBox?.self) { group in
          for index in 0..<8 {
            group.addTask {
              guard let lease = try await semaphores[index % 4].tryAcquire() else { return nil }
              return LeaseBox(lease)
            }
          }
          return try await group.reduce(into: [LeaseBox]()) { boxes, box in if let box { boxes.append(box) } }
        }
        try trial.expect((1...2).contains(boxes.count), "one or two permits granted", seen: "\(boxes.count)")
        for box in boxes { try await box.release() }
      }
      try await trial.expectAllFree(.fixed(2), "after many tries")
    },

    Check(5, "a try for several permits takes none if fewer are free, and leaves nothing behind") { trial in
      let semaphores = try await trial.semaphores(2, .fixed(3))
      let holder = try await trial.holder(semaphores[0], 2)
      for _ in 0..<3 { try await trial.expectBusy(PermitLock(semaphore: semaphores[1], permits: 2)) }
      try await trial.expectNotBusy(PermitLock(semaphore: semaphores[1], permits: 1))
      try await holder.release()
      try await trial.expectNoLeftovers("by tries that were busy")
    },

    Check(5, "more permits than a fixed limit, or less than one, are refused at once") { trial in
      let semaphore = try await trial.semaphore(.fixed(2))
      for permits in [3, 0, -1, .max] {
        trial.step("asking for \(permits) permits of 2")
        try await trial.expectError(.invalidConfiguration, from: "a request for \(permits) permits of 2") {
          try await semaphore.acquire(permits, within: nil).release()
        }
        try await trial.expectError(.invalidConfiguration, from: "a try for \(permits) permits of 2") {
          if let lease = try await semaphore.tryAcquire(permits) { try await lease.release() }
        }
      }
      try await trial.expectAllFree(.fixed(2), "after requests were refused")
    },

    Check(5, "a fixed limit is not changed") { trial in
      let semaphore = try await trial.semaphore(.fixed(1))
      let holder = try await trial.holder(semaphore, 1)
      try await trial.expectError(.notSupported, from: "a change of a fixed limit") { try await semaphore.setLimit(2) }
      try await trial.expectBusy(PermitLock(semaphore: semaphore, permits: 1))
      try await holder.release()
    },
  ]
}

extension Trial {
  /// A semaphore of a fresh client.
  func semaphore(_ limit: LockSubject.Limit) async throws -> any DistributedSemaphore {
    try await self.client().semaphore(self.name, limit)
  }

  /// Semaphores of fresh clients.
  func semaphores(_ count: Int, _ limit: LockSubject.Limit) async throws -> [any DistributedSemaphore] {
    try await self.clients(count).map { try $0.semaphore(self.name, limit) }
  }

  /// Starts a contender and waits until it holds its permits.
  func holder(_ semaphore: any DistributedSemaphore, _ permits: Int) async throws -> Contender {
    try await self.holder(PermitLock(semaphore: semaphore, permits: permits))
  }

  /// Starts a contender for permits and waits until it stands in line as the last of `count`, the holders included.
  func queue(
    _ semaphore: any DistributedSemaphore,
    _ permits: Int,
    count: Int,
    within timeout: Duration? = nil
  ) async throws -> Contender {
    try await self.queue(PermitLock(semaphore: semaphore, permits: permits), count: count, within: timeout)
  }

  /// Expects that a fresh client gets all permits promptly, and that there are no more.
  func expectAllFree(_ limit: LockSubject.Limit, _ what: String) async throws {
    let semaphore = try await self.semaphore(limit)
    let all = self.contend(PermitLock(semaphore: semaphore, permits: limit.count), within: self.subject.slack)
    do {
      _ = try await all.granted()
    } catch {
      throw Unmet(expected: "\(limit.count) free permits \(what)", seen: "\(error)")
    }
    try await self.expectBusy(PermitLock(semaphore: semaphore, permits: 1))
    try await all.release()
  }
}

extension LockSubject.Limit {
  /// How many permits there are, at first.
  var count: Int {
    switch self {
    case .fixed(let count), .shared(let count): count
    }
  }
}

internal import Latchkey
internal import LatchkeyPrimitives

extension LockConformance {
  static let readWriteFairnessChecks = [
    Check(9, "readers that wait behind a writer come in together when it releases") { trial in
      let locks = try await trial.readWriteLocks(2)
      let writer = try await trial.holder(locks[0].writing)
      let readers = (0..<50).map { trial.contend(locks[$0 % 2].reading) }
      try await Task.sleep(for: trial.subject.settling)
      try trial.expect(readers.allSatisfy(\.isWaiting), "the readers to wait", seen: "a grant")
      let start = ContinuousClock.now
      try await writer.release()
      trial.step("waiting for fifty readers, of which none releases before all are in")
      for reader in readers { _ = try await reader.granted() }
      let late = start.duration(to: .now)
      try trial.expect(late < trial.subject.slack, "the readers to come in at once", seen: "\(late) later")
      let count = readers.count(where: \.isHolding)
      try trial.expect(count == 50, "fifty readers at once", seen: "\(count)")
      for reader in readers { try await reader.release() }
      try await trial.expectFree("after fifty readers have released")
    },

    Check(9, "a reader does not overtake a writer that waits", needs: [.servedWriters]) { trial in
      let locks = try await trial.readWriteLocks(3)
      let reader = try await trial.holder(locks[0].reading)
      let writer = try await trial.queue(locks[1].writing, count: 2)
      try await trial.expectWaiting(writer, "the writer")
      try await trial.expectBusy(locks[2].reading)
      let later = trial.contend(locks[2].reading)
      try await trial.expectWaiting(later, "a reader behind a writer that waits")
      try await reader.release()
      trial.step("waiting for a writer between readers")
      _ = try await writer.granted()
      try trial.expect(later.isWaiting, "the later reader to wait for the writer", seen: "a grant")
      try await writer.release()
      trial.step("waiting for a reader behind a writer")
      _ = try await later.granted()
      try await later.release()
    },

    Check(9, "a stream of readers does not starve a writer", needs: [.servedWriters]) { trial in
      try await trial.expectServed(asWriter: true, amongOthers: false)
    },

    Check(9, "a stream of writers does not starve a reader", needs: [.fairness]) { trial in
      try await trial.expectServed(asWriter: false, amongOthers: true)
    },

    Check(9, "readers and writers of different clients are served in the order in which they asked", needs: [.fairness])
    {
      trial in
      let locks = try await trial.readWriteLocks(5)
      let holder = try await trial.holder(locks[0].writing)
      let first = try await trial.queue(locks[1].writing, count: 2)
      let readers = [
        try await trial.queue(locks[2].reading, count: 3), try await trial.queue(locks[3].reading, count: 4),
      ]
      let last = try await trial.queue(locks[4].writing, count: 5)
      try await holder.release()
      trial.step("waiting for the first writer in line")
      _ = try await first.granted()
      try await trial.expectWaiting(readers[0], "a reader behind a writer")
      try await first.release()
      trial.step("waiting for two readers, with a writer behind them")
      for reader in readers { _ = try await reader.granted() }
      try await trial.expectWaiting(last, "a writer behind readers")
      try await readers[1].release()
      try await trial.expectWaiting(last, "a writer behind a reader")
      try await readers[0].release()
      trial.step("waiting for the last writer in line")
      _ = try await last.granted()
      try await last.release()
    },
  ]
}

extension Trial {
  /// Expects that one contender gets in among many that come and go without end.
  fileprivate func expectServed(asWriter isWriter: Bool, amongOthers othersWrite: Bool) async throws {
    let served = OneShot<Void>()
    let lock = try await self.readWriteLock()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for other in try await self.readWriteLocks(2) {
        for _ in 0..<4 {
          group.addTask {
            while served.current == nil {
              try await (othersWrite ? other.writing : other.reading).withLock { _ in
                // Long beside the time between two bodies, and never in step: somebody is always inside.
                try await Task.sleep(for: .milliseconds(.random(in: 30...70)))
              }
            }
          }
        }
      }
      group.addTask {
        try await Task.sleep(for: self.subject.settling)
        self.step("waiting for one \(isWriter ? "writer" : "reader") among many who come and go")
        // The others go on until this one has had its turn, or its time is up.
        defer { served.resolve() }
        try await (isWriter ? lock.writing : lock.reading).withLock(within: self.subject.patience / 2) { _ in }
      }
      try await group.waitForAll()
    }
  }
}

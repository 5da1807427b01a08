internal import Latchkey
internal import LatchkeyPrimitives
internal import Synchronization

extension LockConformance {
  static let exclusionChecks = [
    Check(1, "never two leases at once, for many tasks of several clients") { trial in
      let recorder = HistoryRecorder(capacity: 2000)
      try await trial.crowd(clients: 3, tasksEach: 4, rounds: 10) { client, worker in
        let lock = client.lock(trial.name)
        recorder.record(.requested, worker: worker, lock: "\(lock.name)")
        let lease = try await lock.acquire(within: nil)
        recorder.record(.granted(lease.held.token), worker: worker, lock: "\(lock.name)")
        // Long enough for another to be granted it, if anybody can be.
        try? await Task.sleep(for: .milliseconds(1))
        recorder.record(.released, worker: worker, lock: "\(lock.name)")
        try await lease.release()
      }
      let report = HistoryReport(recorder.events)
      let overlaps = report.violations.filter { if case .tokenNotIncreasing = $0 { false } else { true } }
      try trial.expect(overlaps.isEmpty, "a history without overlap", seen: "\(overlaps)")
      try trial.expect(report.grants == 120, "120 grants", seen: "\(report.grants)")
    },

    Check(1, "a counter that nothing else protects comes out exact") { trial in
      let counter = Atomic(0)
      try await trial.crowd(clients: 3, tasksEach: 4, rounds: 10) { client, _ in
        try await client.lock(trial.name).withLock { _ in
          // Read and written apart, with a pause between in which others run: any overlap loses an update.
          let value = counter.load(ordering: .relaxed)
          try await Task.sleep(for: .milliseconds(1))
          counter.store(value + 1, ordering: .relaxed)
        }
      }
      let count = counter.load(ordering: .relaxed)
      try trial.expect(count == 120, "120", seen: "\(count)")
    },

    Check(1, "locks of different names do not exclude one another") { trial in
      let client = try await trial.client()
      let first = try await trial.holder(client.lock(trial.name))
      let second = try await client.lock(try trial.name("other")).acquire(within: trial.subject.slack)
      try trial.expect(first.isHolding, "the first lock to be held still", seen: "its end")
      try await second.release()
      try await first.release()
    },
  ]
}

extension Trial {
  /// Runs an operation in many tasks of several clients, all at the same time.
  func crowd(
    clients: Int,
    tasksEach: Int,
    rounds: Int,
    _ operation: @escaping @Sendable (TestClient, _ worker: Int) async throws -> Void
  ) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<clients {
        let client = try await self.client()
        for task in 0..<tasksEach {
          group.addTask {
            for _ in 0..<rounds { try await operation(client, number * tasksEach + task) }
          }
        }
      }
      try await group.waitForAll()
    }
  }
}

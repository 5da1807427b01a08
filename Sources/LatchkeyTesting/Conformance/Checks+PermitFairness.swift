internal import Latchkey
internal import LatchkeyPrimitives

extension LockConformance {
  static let permitFairnessChecks = [
    Check(9, "whichever holder leaves, a waiter gets in") { trial in
      for leaving in 0..<3 {
        let semaphores = try await trial.semaphores(4, .fixed(3))
        var holders: [Contender] = []
        for index in 0..<3 { holders.append(try await trial.holder(semaphores[index], 1)) }
        let waiter = try await trial.queue(semaphores[3], 1, count: 4)
        try await trial.expectWaiting(waiter, "a waiter behind three holders")
        try await holders[leaving].release()
        trial.step("waiting for a waiter after holder \(leaving + 1) of 3 has released")
        _ = try await waiter.granted()
        holders.remove(at: leaving)
        try trial.expect(holders.allSatisfy(\.isHolding), "the other holders to hold still", seen: "the end of one")
        for holder in holders + [waiter] { try await holder.release() }
      }
    },

    Check(9, "a waiter for two permits gets in after two releases of one, and not after the first") { trial in
      let semaphores = try await trial.semaphores(3, .fixed(2))
      let holders = [try await trial.holder(semaphores[0], 1), try await trial.holder(semaphores[1], 1)]
      let waiter = try await trial.queue(semaphores[2], 2, count: 3)
      try await holders[0].release()
      try await trial.expectWaiting(waiter, "a waiter for two permits of which one is free")
      try await holders[1].release()
      trial.step("waiting for a waiter for two permits")
      _ = try await waiter.granted()
      try await waiter.release()
      try await trial.expectAllFree(.fixed(2), "after a waiter for two has released")
    },

    Check(9, "one release of several permits lets in as many waiters as fit") { trial in
      let semaphores = try await trial.semaphores(4, .fixed(2))
      let holder = try await trial.holder(semaphores[0], 2)
      var waiters: [Contender] = []
      for index in 1...3 { waiters.append(try await trial.queue(semaphores[index], 1, count: index + 1)) }
      try await holder.release()
      trial.step("waiting for two of three waiters")
      try await trial.expectEventually("two waiters to get in", seen: "another number") {
        waiters.count(where: \.isHolding) == 2
      }
      guard let last = waiters.first(where: \.isWaiting) else { throw Unmet(expected: "one to wait", seen: "none") }
      try await trial.expectWaiting(last, "the third waiter for two permits")
      for waiter in waiters { waiter.releaseWhenGranted() }
      trial.step("waiting for the third waiter")
      _ = try await last.granted()
    },

    Check(9, "a request for one permit does not overtake one for two that waits", needs: [.fairness]) { trial in
      let semaphores = try await trial.semaphores(3, .fixed(2))
      let holder = try await trial.holder(semaphores[0], 1)
      let large = try await trial.queue(semaphores[1], 2, count: 2)
      let small = try await trial.queue(semaphores[2], 1, count: 3)
      try await trial.expectWaiting(small, "a request for one behind a request for two")
      try await trial.expectBusy(PermitLock(semaphore: semaphores[0], permits: 1))
      try await holder.release()
      trial.step("waiting for a request for two permits")
      _ = try await large.granted()
      try await trial.expectWaiting(small, "a request for one while both permits are taken")
      try await large.release()
      trial.step("waiting for a request for one permit")
      _ = try await small.granted()
      try await small.release()
    },

    Check(9, "a stream of requests for one permit does not starve one for all", needs: [.fairness]) { trial in
      let served = OneShot<Void>()
      let semaphores = try await trial.semaphores(3, .fixed(3))
      try await withThrowingTaskGroup(of: Void.self) { group in
        for index in 0..<6 {
          group.addTask {
            while served.current == nil {
              try await semaphores[index % 2].withPermit { _ in
                // Never in step, so that some permit is always taken.
                try await Task.sleep(for: .milliseconds(.random(in: 20...40)))
              }
            }
          }
        }
        group.addTask {
          try await Task.sleep(for: trial.subject.settling)
          trial.step("waiting for all permits among many who take one")
          defer { served.resolve() }
          try await semaphores[2].withPermits(3, within: trial.subject.patience / 2) { _ in }
        }
        try await group.waitForAll()
      }
    },
  ]
}

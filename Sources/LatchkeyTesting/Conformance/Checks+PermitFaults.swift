internal import Latchkey

extension LockConformance {
  static let permitFaultChecks = [
    Check(3, "the permits of an expired holder are told as lost, and come back", needs: [.expireSession]) { trial in
      let client = try await trial.client()
      let lost = try await trial.holder(try client.semaphore(trial.name, .fixed(2)), 2).granted()
      let told = Task { await lost.lost }
      let semaphores = try await trial.semaphores(2, .fixed(2))
      let waiters = [
        try await trial.queue(semaphores[0], 1, count: 2), try await trial.queue(semaphores[1], 1, count: 3),
      ]
      try await client.expireSession()
      trial.step("waiting for the loss of permits to be told")
      let loss = await told.value
      try trial.expect(loss?.code == .lockLost, "a loss with code lockLost", seen: "\(String(describing: loss))")
      try trial.expect(!lost.isHeld, "isHeld to be false once the loss is told", seen: "true")
      trial.step("waiting for the permits of an expired holder")
      for waiter in waiters { _ = try await waiter.granted() }
      for waiter in waiters { try await waiter.release() }
      try await trial.expectAllFree(.fixed(2), "after an expired holder")
    },

    Check(3, "the release of lost permits throws lockLost, and adds none", needs: [.expireSession]) { trial in
      let client = try await trial.client()
      let holder = try await trial.holder(try client.semaphore(trial.name, .fixed(3)), 2)
      let lost = try await holder.granted()
      try await client.expireSession()
      trial.step("waiting for the loss of permits to be told")
      _ = await lost.lost
      let next = try await trial.holder(try await trial.semaphore(.fixed(3)), 3)
      trial.step("releasing lost permits")
      try await trial.expectError(.lockLost, from: "the release of lost permits") { try await holder.release() }
      try await Task.sleep(for: trial.subject.settling)
      try trial.expect(next.isHolding, "the later holder to hold still", seen: "its end")
      try await trial.expectBusy(PermitLock(semaphore: try await trial.semaphore(.fixed(3)), permits: 1))
      try await next.release()
      try await trial.expectAllFree(.fixed(3), "after the release of lost permits")
    },

    Check(7, "a request whose reply is lost takes its permits once, and gives them back", needs: [.dropNextReply]) {
      trial in
      let client = try await trial.client()
      let semaphore = try client.semaphore(trial.name, .fixed(3))
      try await semaphore.acquire().release()
      try await client.dropNextReply(.acquire)
      trial.step("taking two permits while the reply is dropped")
      let lease = try await semaphore.acquire(2, within: trial.subject.patience)
      let other = try await trial.semaphore(.fixed(3))
      try await trial.expectBusy(PermitLock(semaphore: other, permits: 2))
      try await trial.expectEventually("one permit to be free beside two", seen: "none") {
        guard let lease = try await other.tryAcquire() else { return false }
        try await lease.release()
        return true
      }
      try await lease.release()
      try await trial.expectAllFree(.fixed(3), "after a request whose reply was lost")
      try await trial.expectNoLeftovers("by a request whose reply was lost")
    },
  ]

  static let permitCancellationChecks = [
    Check(6, "a request for two that is cancelled or runs out of time lets those for one behind it in at once") {
      trial in
      let semaphores = try await trial.semaphores(3, .fixed(2))
      for runsOut in [false, true] {
        let holder = try await trial.holder(semaphores[0], 1)
        let large = try await trial.queue(semaphores[1], 2, count: 2, within: runsOut ? .milliseconds(300) : nil)
        let small = trial.contend(PermitLock(semaphore: semaphores[2], permits: 1))
        if !runsOut {
          try await Task.sleep(for: trial.subject.settling)
          large.cancel()
        }
        trial.step("waiting for one permit behind a request that has \(runsOut ? "timed out" : "been cancelled")")
        let error = await large.error()
        let code = runsOut ? LockError.Code.timedOut : .cancelled
        try trial.expect(error?.code == code, "code \(code)", seen: "\(String(describing: error))")
        let start = ContinuousClock.now
        _ = try await small.granted()
        let late = start.duration(to: .now)
        try trial.expect(late < trial.subject.slack, "the small request to be granted at once", seen: "\(late) later")
        for contender in [holder, small] { try await contender.release() }
      }
      try await trial.expectAllFree(.fixed(2), "after requests gave up")
      try await trial.expectNoLeftovers("by requests that gave up")
    },

    Check(6, "cancelled requests leave nothing behind, whatever their size") { trial in
      let clients = try await trial.clients(2)
      let semaphores = try clients.map { try $0.semaphore(trial.name, .fixed(2)) }
      let holder = try await trial.holder(semaphores[0], 2)
      var waiters: [Contender] = []
      for index in 0..<6 {
        waiters.append(try await trial.queue(semaphores[index % 2], 1 + index % 2, count: index + 2))
      }
      for index in [0, 5, 2, 1, 4, 3] { waiters[index].cancel() }
      trial.step("waiting for cancelled requests to give up")
      for waiter in waiters {
        let error = await waiter.error()
        try trial.expect(error?.code == .cancelled, "code cancelled", seen: "\(String(describing: error))")
      }
      try trial.expect(holder.isHolding, "the holder to hold still", seen: "its end")
      try await holder.release()
      try await trial.expectAllFree(.fixed(2), "after requests were cancelled")
      try await trial.expectNoLeftovers("by cancelled requests")
    },

    Check(6, "cancelled at any moment of an uncontended request, its permits are given back") { trial in
      let semaphore = try await trial.semaphore(.fixed(2))
      for round in 0..<30 {
        let contender = trial.contend(PermitLock(semaphore: semaphore, permits: 2))
        for _ in 0..<round % 10 { await Task.yield() }
        contender.cancel()
        trial.step("cancelling an uncontended request, round \(round)")
        if await contender.error() == nil { try await contender.release() }
      }
      try await trial.expectAllFree(.fixed(2), "after cancelled requests")
      try await trial.expectNoLeftovers("by cancelled requests")
    },
  ]

  static let permitLimitChecks = [
    Check(9, "a raised limit lets a waiter in, without any release", needs: [.sharedLimit]) { trial in
      let semaphores = try await trial.semaphores(3, .shared(1))
      let holder = try await trial.holder(semaphores[0], 1)
      let waiter = try await trial.queue(semaphores[1], 1, count: 2)
      try await trial.expectWaiting(waiter, "the waiter")
      try await semaphores[2].setLimit(2)
      trial.step("waiting for a waiter behind a limit that was raised")
      _ = try await waiter.granted()
      try trial.expect(holder.isHolding, "the holder to hold still", seen: "its end")
      for contender in [holder, waiter] { try await contender.release() }
    },

    Check(
      9,
      "a lowered limit takes nothing away, and lets nobody in before enough is given back",
      needs: [.sharedLimit]
    ) { trial in
      let semaphores = try await trial.semaphores(4, .shared(2))
      let holders = [try await trial.holder(semaphores[0], 1), try await trial.holder(semaphores[1], 1)]
      try await semaphores[3].setLimit(1)
      let waiter = try await trial.queue(semaphores[2], 1, count: 3)
      try await trial.expectWaiting(waiter, "a waiter behind two holders with a limit of 1")
      try trial.expect(holders.allSatisfy(\.isHolding), "both holders to hold still", seen: "the end of one")
      try await holders[0].release()
      try await trial.expectWaiting(waiter, "a waiter behind one holder with a limit of 1")
      try await holders[1].release()
      trial.step("waiting for a waiter behind a limit that was lowered")
      _ = try await waiter.granted()
      try await waiter.release()
    },

    Check(9, "to set the same limit again while all permits are taken changes nothing", needs: [.sharedLimit]) {
      trial in
      let semaphores = try await trial.semaphores(2, .shared(2))
      let holder = try await trial.holder(semaphores[0], 2)
      for _ in 0..<2 { try await semaphores[1].setLimit(2) }
      try await trial.expectBusy(PermitLock(semaphore: semaphores[1], permits: 1))
      try trial.expect(holder.isHolding, "the holder to hold still", seen: "its end")
      try await holder.release()
      try await trial.expectAllFree(.shared(2), "after the same limit was set again")
    },

    Check(
      9,
      "a request beyond a lowered limit holds up nobody, and is served when the limit is raised",
      needs: [.sharedLimit]
    ) { trial in
      let semaphores = try await trial.semaphores(3, .shared(2))
      let holder = try await trial.holder(semaphores[0], 1)
      let large = try await trial.queue(semaphores[1], 2, count: 2)
      try await semaphores[0].setLimit(1)
      try await holder.release()
      trial.step("taking one permit beside a request for two, with a limit of 1")
      for _ in 0..<3 { try await semaphores[2].acquire(1, within: trial.subject.slack).release() }
      try await trial.expectWaiting(large, "a request for two with a limit of 1")
      try await semaphores[2].setLimit(2)
      trial.step("waiting for a request for two behind a limit that was raised")
      _ = try await large.granted()
      try await large.release()
    },

    Check(5, "a limit of 0 lets nobody in, and a negative one is refused", needs: [.sharedLimit]) { trial in
      let semaphores = try await trial.semaphores(2, .shared(1))
      try await semaphores[0].acquire().release()
      try await trial.expectError(.invalidConfiguration, from: "a limit of -1") { try await semaphores[0].setLimit(-1) }
      try await semaphores[0].setLimit(0)
      try await trial.expectBusy(PermitLock(semaphore: semaphores[1], permits: 1))
      let waiter = trial.contend(PermitLock(semaphore: semaphores[1], permits: 1))
      try await trial.expectWaiting(waiter, "a request with a limit of 0")
      try await semaphores[0].setLimit(1)
      trial.step("waiting for a permit behind a limit that was raised from 0")
      _ = try await waiter.granted()
      try await waiter.release()
    },
  ]
}

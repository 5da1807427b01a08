internal import Latchkey

extension LockConformance {
  static let readWriteFaultChecks = [
    Check(
      3,
      "an expired reader is told of its loss, and a writer gets in when the last of the other readers has released",
      needs: [.expireSession]
    ) { trial in
      let client = try await trial.client()
      let lost = try await trial.holder(try client.readWriteLock(trial.name).reading).granted()
      let told = Task { await lost.lost }
      let other = try await trial.holder(try await trial.readWriteLock().reading)
      let writer = try await trial.queue(try await trial.readWriteLock().writing, count: 3)
      try await client.expireSession()
      trial.step("waiting for the loss of an expired reader to be told")
      let loss = await told.value
      try trial.expect(loss?.code == .lockLost, "a loss with code lockLost", seen: "\(String(describing: loss))")
      try await trial.expectWaiting(writer, "the writer behind the other reader")
      try trial.expect(other.isHolding, "the other reader to hold still", seen: "its end")
      try await other.release()
      trial.step("waiting for a writer behind an expired reader")
      _ = try await writer.granted()
      try await writer.release()
      try await trial.expectNoLeftovers("by an expired reader")
    },

    Check(3, "readers get in when the session of a writer expires", needs: [.expireSession]) { trial in
      let client = try await trial.client()
      let held = try await trial.holder(try client.readWriteLock(trial.name).writing).granted()
      let locks = try await trial.readWriteLocks(2)
      let first = try await trial.queue(locks[0].reading, count: 2)
      let second = try await trial.queue(locks[1].reading, count: 3)
      try await client.expireSession()
      trial.step("waiting for readers behind an expired writer")
      for reader in [first, second] { _ = try await reader.granted() }
      trial.step("waiting for the loss of an expired writer to be told")
      let loss = await held.lost
      try trial.expect(loss?.code == .lockLost, "a loss with code lockLost", seen: "\(String(describing: loss))")
      for reader in [first, second] { try await reader.release() }
    },

    Check(
      3,
      "a reader whose session expires while it waits gets in once the writer has released",
      needs: [.expireSession]
    ) { trial in
      let writer = try await trial.holder(try await trial.readWriteLock().writing)
      let client = try await trial.client()
      let reader = try await trial.queue(try client.readWriteLock(trial.name).reading, count: 2)
      try await client.expireSession()
      try await trial.expectWaiting(reader, "the reader")
      try trial.expect(writer.isHolding, "the writer to hold still", seen: "its end")
      try await writer.release()
      trial.step("waiting for a reader with a new session")
      let held = try await reader.granted()
      try trial.expect(held.isHeld, "the grant to stand", seen: "its end")
      try await reader.release()
      try await trial.expectNoLeftovers("by a reader whose session expired")
    },

    Check(3, "a reader that is deleted by hand is told of its loss", needs: [.breakLock]) { trial in
      let held = try await trial.holder(try await trial.readWriteLock().reading).granted()
      let told = Task { await held.lost }
      try await Task.sleep(for: trial.subject.settling)
      try await trial.subject.breakLock?(trial.name)
      trial.step("waiting for the loss of a deleted reader to be told")
      let loss = await told.value
      try trial.expect(loss?.code == .lockLost, "a loss with code lockLost", seen: "\(String(describing: loss))")
      try await trial.expectFree("after its reader was deleted by hand")
    },

    Check(7, "a read whose reply is lost finds its own grant again, and is given back", needs: [.dropNextReply]) {
      trial in
      let client = try await trial.client()
      let lock = try client.readWriteLock(trial.name)
      try await lock.reading.acquire(within: nil).release()
      try await client.dropNextReply(.acquire)
      trial.step("reading while the reply is dropped")
      let lease = try await lock.reading.acquire(within: trial.subject.patience)
      try trial.expect(lease.held.isHeld, "a grant that stands", seen: "one that has ended")
      try await lease.release()
      try await trial.expectFree("after a reader whose reply was lost has released")
      try await trial.expectNoLeftovers("by a reader whose reply was lost")
    },
  ]

  static let readWriteCancellationChecks = [
    Check(6, "a writer that is cancelled or runs out of time lets the readers behind it in at once") { trial in
      let locks = try await trial.readWriteLocks(4)
      for runsOut in [false, true] {
        let holder = try await trial.holder(locks[0].reading)
        let writer = try await trial.queue(locks[1].writing, count: 2, within: runsOut ? .milliseconds(300) : nil)
        let behind = [trial.contend(locks[2].reading), trial.contend(locks[3].reading)]
        if !runsOut {
          try await Task.sleep(for: trial.subject.settling)
          writer.cancel()
        }
        trial.step("waiting for readers behind a writer that has \(runsOut ? "timed out" : "been cancelled")")
        let error = await writer.error()
        let code = runsOut ? LockError.Code.timedOut : .cancelled
        try trial.expect(error?.code == code, "code \(code)", seen: "\(String(describing: error))")
        let start = ContinuousClock.now
        for reader in behind { _ = try await reader.granted() }
        let late = start.duration(to: .now)
        try trial.expect(late < trial.subject.slack, "the readers to come in at once", seen: "\(late) later")
        try trial.expect(holder.isHolding, "the first reader to hold still", seen: "its end")
        for reader in [holder] + behind { try await reader.release() }
      }
      try await trial.expectFree("after writers gave up among readers")
      try await trial.expectNoLeftovers("by writers that gave up")
    },

    Check(6, "cancelled readers leave nothing behind") { trial in
      let clients = try await trial.clients(2)
      let locks = try clients.map { try $0.readWriteLock(trial.name) }
      let writer = try await trial.holder(locks[0].writing)
      var readers: [Contender] = []
      for index in 0..<6 { readers.append(try await trial.queue(locks[index % 2].reading, count: index + 2)) }
      for index in [0, 5, 2, 1, 4, 3] { readers[index].cancel() }
      trial.step("waiting for cancelled readers to give up")
      for reader in readers {
        let error = await reader.error()
        try trial.expect(error?.code == .cancelled, "code cancelled", seen: "\(String(describing: error))")
      }
      try trial.expect(writer.isHolding, "the writer to hold still", seen: "its end")
      try await writer.release()
      try await trial.expectFree("after readers were cancelled")
      try await trial.expectNoLeftovers("by cancelled readers")
    },

    Check(6, "cancelled at any moment of an uncontended read, nothing is left behind") { trial in
      let lock = try await trial.readWriteLock()
      for round in 0..<30 {
        let reader = trial.contend(lock.reading)
        for _ in 0..<round % 10 { await Task.yield() }
        reader.cancel()
        trial.step("cancelling an uncontended read, round \(round)")
        if await reader.error() == nil { try await reader.release() }
      }
      try await trial.expectFree("after cancelled reads")
      try await trial.expectNoLeftovers("by cancelled reads")
    },
  ]
}

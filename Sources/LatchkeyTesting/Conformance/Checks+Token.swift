internal import Latchkey
internal import LatchkeyPrimitives

extension LockConformance {
  static let tokenChecks = [
    Check(4, "tokens grow with every grant, whichever client gets it", needs: [.fencingTokens]) { trial in
      let locks = try await trial.clients(3).map { $0.lock(trial.name) }
      var tokens: [FencingToken?] = []
      for round in 0..<15 { tokens.append(try await trial.token(of: locks[round % 3])) }
      try trial.expectGrowing(tokens)
    },

    Check(4, "tokens grow when the lock is granted through tryAcquire and withLock as well", needs: [.fencingTokens]) {
      trial in
      let lock = try await trial.lock()
      var tokens: [FencingToken?] = []
      for _ in 0..<5 {
        tokens.append(try await trial.token(of: lock))
        tokens.append(try await lock.withLock { $0.token })
        tokens.append(try await lock.withLockIfAvailable { $0.token } ?? nil)
      }
      try trial.expectGrowing(tokens)
    },

    Check(4, "tokens grow when the lock is handed from waiter to waiter", needs: [.fencingTokens]) { trial in
      let clients = try await trial.clients(3)
      let holder = try await trial.holder(clients[0].lock(trial.name))
      let waiters = (0..<9).map { trial.contend(clients[$0 % 3].lock(trial.name)) }
      for waiter in waiters { waiter.releaseWhenGranted() }
      try await holder.release()
      trial.step("waiting for nine waiters to be served")
      for waiter in waiters { _ = try await waiter.granted() }
      try trial.expectGrowing(trial.grants.map(\.token))
    },

    Check(4, "tokens grow when all clients are closed and new ones made", needs: [.fencingTokens]) { trial in
      var tokens: [FencingToken?] = []
      for _ in 0..<4 {
        let client = try await trial.temporaryClient()
        for _ in 0..<2 { tokens.append(try await trial.token(of: client.lock(trial.name))) }
        try await client.close()
      }
      try trial.expectGrowing(tokens)
    },

    Check(4, "tokens grow when the servers stop and start in between", needs: [.fencingTokens, .restartServers]) {
      trial in
      var tokens: [FencingToken?] = []
      for _ in 0..<2 {
        let client = try await trial.temporaryClient()
        for _ in 0..<3 { tokens.append(try await trial.token(of: client.lock(trial.name))) }
        try await client.close()
        trial.step("restarting the servers")
        try await trial.subject.stopServers?()
        try await trial.subject.startServers?()
      }
      tokens.append(try await trial.token(of: try await trial.lock()))
      try trial.expectGrowing(tokens)
    },

    Check(
      4,
      "the token of a lost lease is refused by a resource that the next holder has written to",
      needs: [.fencingTokens, .deadlines, .cutOff]
    ) { trial in
      let client = try await trial.client()
      let held = try await trial.holder(client.lock(trial.name)).granted()
      let next = try await trial.queue(try await trial.lock(), count: 2)
      let resource = ProtectedResource("")
      guard let old = held.token else { throw Unmet(expected: "a token", seen: "nil") }
      try resource.write("first", fencedBy: old)
      try await trial.whileCutOff(client) {
        trial.step("waiting for the second client to get the lock of one that is cut off")
        guard let token = try await next.granted().token else { throw Unmet(expected: "a token", seen: "nil") }
        try resource.write("second", fencedBy: token)
      }
      do throws(StaleToken) {
        try resource.write("late", fencedBy: old)
      } catch {
        try trial.expect(resource.value == "second", "the second holder's write to stand", seen: resource.value)
        try await next.release()
        return
      }
      throw Unmet(expected: "the late write to be refused", seen: "that it was accepted")
    },

    Check(4, "a lock that cannot promise tokens has none", needs: [.noFencingTokens]) { trial in
      let lock = try await trial.lock()
      try trial.expect(!(lock is any FencedLock), "a lock that is no FencedLock", seen: "\(type(of: lock))")
      let token = try await trial.token(of: lock)
      try trial.expect(token == nil, "a nil token", seen: "\(String(describing: token))")
    },

    Check(4, "a lock that promises tokens says so in its type", needs: [.fencingTokens]) { trial in
      let lock = try await trial.lock()
      try trial.expect(lock is any FencedLock, "a FencedLock", seen: "\(type(of: lock))")
    },
  ]
}

extension Trial {
  /// The token of one grant, which is released again.
  func token(of lock: any DistributedLock) async throws -> FencingToken? {
    let lease = try await lock.acquire(within: nil)
    let token = lease.held.token
    try await lease.release()
    return token
  }

  fileprivate func expectGrowing(_ tokens: [FencingToken?]) throws {
    var last: FencingToken?
    for token in tokens {
      guard let token else { throw Unmet(expected: "a token with every grant", seen: "nil") }
      if let last { try self.expect(token > last, "a token greater than \(last)", seen: "\(token)") }
      last = token
    }
  }
}

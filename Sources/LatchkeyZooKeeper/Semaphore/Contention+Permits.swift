internal import Latchkey
internal import LatchkeyPrimitives
internal import ZooKeeper

extension Contention where Backend == SemaphoreBackend {
  /// Sends what the machine asks for; the reply comes back as an event.
  func send(_ request: SemaphoreRequest, _ current: ZKSession?) {
    switch request {
    case .enter(let attempt, let identifier, let permits, let isHead, let session):
      guard let session = self.session(session, current) else {
        return self.handle(.entered(attempt: attempt, create: .failure(.sessionOver), view: .failure(.sessionOver)))
      }
      self.enter(attempt, identifier, permits, isHead: isHead, session)
    case .makePlace(let attempt, let session):
      guard let session = self.session(session, current) else {
        return self.handle(.placeMade(attempt: attempt, .failure(.sessionOver)))
      }
      self.makePlace(session) { self.handle(.placeMade(attempt: attempt, $0)) }
    case .list(let attempt, let session):
      guard let session = self.session(session, current) else {
        return self.handle(.listed(attempt: attempt, .failure(.sessionOver)))
      }
      self.listWatching(attempt, session) { self.handle(.listed(attempt: attempt, $0)) }
    case .readLimit(let attempt, let session):
      guard let session = self.session(session, current) else {
        return self.handle(.limitRead(attempt: attempt, .failure(.sessionOver)))
      }
      self.readLimit(attempt, watching: true, session) { reading in
        let limit = reading.map { reading -> Int? in if case .value(let limit) = reading { limit } else { nil } }
        self.handle(.limitRead(attempt: attempt, limit))
      }
    case .watchOwnLater(let claim, let number):
      guard let session = self.session(claim.session, current) else { return }
      self.watchLater(claim, number, session)
    case .awaitLiveTerm(let session):
      guard let session = self.session(session, current) else { return }
      self.awaitLiveTerm(of: session)
    case .behind(let place):
      guard let first = place.first, let session = current else { return }
      self.describeHolder(first, session)
    case .delete(let claim):
      guard let session = self.session(claim.session, current) else {
        return self.handle(.deleted(claim, .failure(.sessionOver)))
      }
      self.delete(claim, session)
    case .search(let identifier, let session):
      guard let session = self.session(session, current) else { return }
      let prefix = ContenderIdentity.searchPrefix(identifier)
      // A server that lags behind could hide the nodes.
      session.sync(self.shell.path.leases) { _ in
        // Whatever came of it, the list behind it tells.
      }
      session.children(self.shell.path.leases) { result in
        var found = self.reduced(result).map { $0.0.filter { $0.hasPrefix(prefix) } }
        // Without a directory there is nothing in it.
        if case .failure(.noNode) = found { found = .success([]) }
        self.handle(.searched(identifier: identifier, session: session.generation, found))
      }
    case .lookAtStranger(let name, let session):
      guard let session = self.session(session, current) else { return }
      session.exists(self.shell.path(name)) { result in
        let claim = self.reduced(result).map { stat in
          stat?.ephemeralOwner == session.id ? PermitClaim(names: [name], session: session.generation) : nil
        }
        if case .success(_?) = claim { self.shell.logStranger(self.shell.path(name)) }
        self.handle(.strangerSeen(name, session: session.generation, claim))
      }
    case .pause(let pause):
      let refusals = self.withLocal { _, local -> Int in
        local.refusals += 1
        return local.refusals
      }
      self.wait(refusals, then: .pauseOver(pause))
    case .forgetWatches, .forgetLookout, .forgetOwnWatch, .enterQueue, .leaveQueue:
      preconditionFailure("done under the lock")
    }
  }

  private func reduced<T>(_ result: Result<T, ZooKeeperError>) -> Result<T, NodeQueueFailure> {
    self.shell.reduced(result)
  }

  // MARK: The first flight

  private struct Answers: Sendable {
    var create: Result<PermitClaim, NodeQueueFailure> = .failure(.inDoubt)
    var leases: Result<[String], NodeQueueFailure> = .failure(.inDoubt)
    var isQueueFree: Result<Bool, NodeQueueFailure> = .success(true)
    var limit: Result<LimitReading, NodeQueueFailure> = .success(.fixed)

    /// The lists count only if our nodes were made before them.
    var view: Result<SemaphoreView, NodeQueueFailure> {
      self.create.flatMap { _ in
        self.leases.flatMap { leases in
          self.isQueueFree.flatMap { isQueueFree in
            self.limit.map { SemaphoreView(leases: leases, isQueueFree: isQueueFree, limit: $0) }
          }
        }
      }
    }
  }

  /// In this order: a rank only falls, so the limit that is read last may be compared with it.
  private func enter(_ attempt: UInt64, _ identifier: String, _ permits: Int, isHead: Bool, _ session: ZKSession) {
    if let error = self.shell.tooShort(session) {
      let failure = NodeQueueFailure.permanent(LockFailure(error))
      return self.handle(.entered(attempt: attempt, create: .failure(failure), view: .failure(failure)))
    }
    let isShared = self.shell.path.limit != nil
    let flight = Flight(Answers(), of: 2 + (isHead ? 0 : 1) + (isShared ? 1 : 0)) { answers in
      self.handle(.entered(attempt: attempt, create: answers.create, view: answers.view))
    }
    session.createEphemerals(
      permits,
      prefix: self.shell.path(ContenderIdentity.prefix(identifier, marker: ContenderIdentity.leaseMarker)),
      data: self.shell.note,
      acl: self.shell.acl
    ) { result in
      let claim = self.reduced(result).map { PermitClaim(names: $0, session: session.generation) }
      flight.answered { $0.create = claim }
    }
    if isHead {
      self.listWatching(attempt, session) { result in flight.answered { $0.leases = result } }
    } else {
      session.children(self.shell.path.leases) { result in
        let leases = self.leases(result)
        flight.answered { $0.leases = leases }
      }
      self.shell.scanQueue(session) { result in
        let isFree = self.reduced(result).map { $0 == 0 }
        flight.answered { $0.isQueueFree = isFree }
      }
    }
    if isShared {
      self.readLimit(attempt, watching: isHead, session) { result in flight.answered { $0.limit = result } }
    }
  }

  // MARK: Our nodes

  /// Several nodes in one transaction, unless one of them is gone.
  private func delete(_ claim: PermitClaim, _ session: ZKSession) {
    let paths = self.shell.paths(of: claim)
    guard paths.count > 1 else { return self.deleteEach(paths, of: claim, session) }
    session.transaction(paths.map { .delete($0) }, defaultACL: self.shell.acl) { result in
      switch result {
      case .success: self.deleted(claim, .ok, paths)
      case .failure(let failure) where failure.error.code == .noNode: self.deleteEach(paths, of: claim, session)
      case .failure(let failure): self.deleted(claim, failure.error.code, paths)
      }
    }
  }

  private func deleteEach(_ paths: [String], of claim: PermitClaim, _ session: ZKSession) {
    let flight = Flight([ZooKeeperCode](), of: paths.count) { codes in
      self.deleted(claim, codes.max { $0.weight < $1.weight } ?? .ok, paths)
    }
    for path in paths { session.delete(path) { code in flight.answered { $0.append(code) } } }
  }

  private func deleted(_ claim: PermitClaim, _ code: ZooKeeperCode, _ paths: [String]) {
    let text = paths.joined(separator: " ")
    let outcome = self.shell.releaseOutcome(of: code, text)
    self.handle(.deleted(claim, self.shell.result(code, about: text)), settling: claim, as: outcome)
  }

  private func watchLater(_ claim: PermitClaim, _ number: UInt64, _ session: ZKSession) {
    let paths = self.shell.paths(of: claim)
    let hook = session.onNextHeartbeat {
      // With very many permits held, the room is left to those who wait.
      guard paths.allSatisfy({ session.hasRoomForOwnNodeWatch(on: $0) }) else { return }
      for path in paths { self.watch(path, of: claim, number, session) }
    }
    let isStale = self.withLocal { machine, local -> Bool in
      guard machine.holds(claim) else { return true }
      local.heartbeatHooks[claim] = WatchRegistration(id: hook, session: session)
      return false
    }
    if isStale { session.cancelHeartbeatHook(hook) }
  }

  private func watch(_ path: String, of claim: PermitClaim, _ number: UInt64, _ session: ZKSession) {
    let watch = session.watchDeletion(of: path) {
      self.handle(.ownGone(claim))
    } _: { code in
      self.handle(.ownWatched(claim, watch: number, self.shell.result(code, about: path)))
    }
    let registration = WatchRegistration(id: watch, session: session)
    let isStale = self.withLocal { machine, local -> Bool in
      guard machine.holds(claim) else { return true }
      local.heartbeatHooks[claim] = nil
      local.ownWatches[claim, default: []].append(registration)
      return false
    }
    if isStale { session.removeWatch(watch) }
  }
}

extension ZooKeeperCode {
  /// Which of several answers to deletes counts for all: one that says that something is left to do, before one that finds nothing.
  fileprivate var weight: Int {
    switch self {
    case .ok: 0
    case .noNode: 1
    case .throttled: 3
    case _ where self.isInDoubt: 4
    default: 2
    }
  }
}

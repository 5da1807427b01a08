import Latchkey

@testable import LatchkeyZooKeeper

/// What the server does.
extension SemaphoreModel {
  /// Carries out the next part of a client's first request.
  func serve(_ index: Int, _ state: inout State) {
    let request = state.clients[index].requests[0]
    guard case .semaphore(.enter(let attempt, let identifier, let permits, let isHead, let session)) = request else {
      state.clients[index].requests.removeFirst()
      self.carryOut(request, index, &state)
      return
    }
    guard state.server.isPlaceMade else {
      return self.finish(.entered(attempt: attempt, create: .failure(.noNode), view: .failure(.noNode)), index, &state)
    }
    var halfway = state.clients[index].halfway ?? SemaphoreModelClient.Halfway()
    // In the order of the flight.
    var parts: [(isDone: Bool, take: (inout SemaphoreModelClient.Halfway, inout State) -> Void)] = [
      (
        halfway.claim.map { $0.names.count == permits } ?? false,
        { self.create(identifier, permits, session, &$0, &$1) }
      ),
      (halfway.isListed, { self.list(attempt, session, isHead: isHead, &$0, &$1) }),
    ]
    if !self.shell.listsBehindCreate { parts.swapAt(0, 1) }
    if self.isShared {
      let read = (
        halfway.limit != nil,
        { (halfway: inout SemaphoreModelClient.Halfway, state: inout State) in
          halfway.limit = state.server.limit ?? -1
          if isHead, state.server.limit != nil {
            state.server.limitWatches.append(.init(session: session, attempt: attempt))
          }
        }
      )
      parts.insert(read, at: self.shell.limitPart)
    }
    if let next = parts.first(where: { !$0.isDone }) { next.take(&halfway, &state) }
    state.clients[index].halfway = halfway
    let isCreated = halfway.claim?.names.count == permits
    guard isCreated, halfway.isListed, !self.isShared || halfway.limit != nil, let claim = halfway.claim else { return }
    if halfway.isQueueFree { state.clients[index].freeAttempts.insert(identifier) }
    var reading = LimitReading.fixed
    if self.isShared { reading = halfway.limit.flatMap { $0 < 0 ? nil : .value($0) } ?? .missing }
    let view = SemaphoreView(leases: halfway.leases, isQueueFree: halfway.isQueueFree, limit: reading)
    self.finish(.entered(attempt: attempt, create: .success(claim), view: .success(view)), index, &state)
  }

  private func create(
    _ identifier: String,
    _ permits: Int,
    _ session: UInt64,
    _ halfway: inout SemaphoreModelClient.Halfway,
    _ state: inout State
  ) {
    let count = self.shell.createsAtOnce ? permits : 1
    let names = state.server.create(identifier, owner: identifier, count: count, session: session)
    halfway.claim = PermitClaim(names: (halfway.claim?.names ?? []) + names, session: session)
    self.leasesChanged(&state)
  }

  private func list(
    _ attempt: UInt64,
    _ session: UInt64,
    isHead: Bool,
    _ halfway: inout SemaphoreModelClient.Halfway,
    _ state: inout State
  ) {
    (halfway.leases, halfway.isListed) = (state.server.names, true)
    // Who lists before it creates takes for granted that its nodes will be there.
    halfway.isQueueFree = isHead || state.server.line.isEmpty
    if isHead { state.server.leaseWatches.append(.init(session: session, attempt: attempt)) }
  }

  private func finish(_ event: SemaphoreEvent, _ index: Int, _ state: inout State) {
    let request = state.clients[index].requests.removeFirst()
    state.clients[index].halfway = nil
    self.post(event, for: request, index, &state)
  }

  private func post(
    _ event: SemaphoreEvent,
    for request: SemaphoreModelClient.Request?,
    _ index: Int,
    _ state: inout State
  ) {
    let failure = request?.reply(.inDoubt)
    state.clients[index].replies.append(SemaphoreModelClient.Message(event: event, failure: failure))
  }

  private func carryOut(_ request: SemaphoreModelClient.Request, _ index: Int, _ state: inout State) {
    let event: SemaphoreEvent
    switch request {
    case .watchOwn(let claim, let watch):
      let isThere = claim.names.allSatisfy { state.server.names.contains($0) }
      if isThere { state.clients[index].ownWatches.append(claim) }
      event = .ownWatched(claim, watch: watch, isThere ? .success(()) : .failure(.noNode))
    case .semaphore(.makePlace(let attempt, _)):
      state.server.isPlaceMade = true
      if state.server.limit == nil { state.server.limit = self.limit }
      event = .placeMade(attempt: attempt, .success(()))
    case .semaphore(.list(let attempt, let session)):
      state.server.leaseWatches.append(.init(session: session, attempt: attempt))
      event = .listed(attempt: attempt, .success(state.server.names))
    case .semaphore(.readLimit(let attempt, let session)):
      if state.server.limit != nil { state.server.limitWatches.append(.init(session: session, attempt: attempt)) }
      event = .limitRead(attempt: attempt, .success(state.server.limit))
    case .semaphore(.delete(let claim)):
      self.delete(claim.names, &state)
      event = .deleted(claim, .success(()))
    case .semaphore(.search(let identifier, let session)):
      let found = state.server.leases.filter { $0.identifier == identifier && $0.session == session }.map(\.name)
      event = .searched(identifier: identifier, session: session, .success(found))
    case .semaphore(.lookAtStranger(let name, let session)):
      let isOurs = state.server.leases.contains { $0.name == name && $0.session == session }
      event = .strangerSeen(
        name,
        session: session,
        .success(isOurs ? PermitClaim(names: [name], session: session) : nil)
      )
    default: return
    }
    self.post(event, for: request, index, &state)
  }

  /// Answers a request that is not carried out; of a flight, perhaps the lists alone.
  func refuse(_ index: Int, onlyLists: Bool, _ state: inout State) {
    let request = state.clients[index].requests[0]
    let claim = state.clients[index].halfway?.claim
    if onlyLists, let claim, case .semaphore(.enter(let attempt, _, _, _, _)) = request {
      return self.finish(.entered(attempt: attempt, create: .success(claim), view: .failure(.throttled)), index, &state)
    }
    if let reply = request.reply(.throttled) { self.finish(reply, index, &state) }
  }

  // MARK: What changes

  func delete(_ names: [String], _ state: inout State, byHand client: Int? = nil) {
    guard state.server.delete(names) else { return }
    for index in state.clients.indices {
      // Who deletes its own nodes does not watch them any more.
      for claim in state.clients[index].ownWatches where claim.names.contains(where: names.contains) {
        state.clients[index].ownWatches.removeAll { $0 == claim }
        if client == index { self.post(.ownGone(claim), for: nil, index, &state) }
      }
    }
    self.leasesChanged(&state)
  }

  func leasesChanged(_ state: inout State) {
    for watch in state.server.leaseWatches {
      for index in state.clients.indices where state.clients[index].session == watch.session {
        if !self.shell.watchesAllPermits, !self.isFirstGone(index, state) { continue }
        state.server.leaseWatches.removeAll { $0 == watch }
        self.post(.leasesChanged(attempt: watch.attempt), for: nil, index, &state)
      }
    }
  }

  /// A mutant watches the one permit whose place it would take: the first.
  private func isFirstGone(_ index: Int, _ state: State) -> Bool {
    guard let first = state.clients[index].machine.lastSeen.first else { return true }
    return !state.server.names.contains(first)
  }

  func limitChanged(_ state: inout State) {
    let watches = state.server.limitWatches
    state.server.limitWatches = []
    for watch in watches {
      for index in state.clients.indices where state.clients[index].session == watch.session {
        self.post(.limitChanged(attempt: watch.attempt), for: nil, index, &state)
      }
    }
  }

  func noteFits(_ state: inout State) {
    let clients = state.clients
    state.server.noteFits { lease in
      guard let identifier = lease.identifier, let client = clients.first(where: { $0.session == lease.session }) else {
        return false
      }
      return client.machine.attempt?.identifier != identifier
        && !client.holds.contains { $0.claim.names.contains(lease.name) }
    }
  }
}

extension SemaphoreModelClient.Request {
  /// What the client hears of a request that has no result.
  func reply(_ failure: NodeQueueFailure) -> SemaphoreEvent? {
    switch self {
    case .watchOwn(let claim, let watch): .ownWatched(claim, watch: watch, .failure(failure))
    case .semaphore(let request):
      switch request {
      case .enter(let attempt, _, _, _, _):
        .entered(attempt: attempt, create: .failure(failure), view: .failure(failure))
      case .makePlace(let attempt, _): .placeMade(attempt: attempt, .failure(failure))
      case .list(let attempt, _): .listed(attempt: attempt, .failure(failure))
      case .readLimit(let attempt, _): .limitRead(attempt: attempt, .failure(failure))
      case .delete(let claim): .deleted(claim, .failure(failure))
      case .search(let identifier, let session): .searched(identifier: identifier, session: session, .failure(failure))
      case .lookAtStranger(let name, let session): .strangerSeen(name, session: session, .failure(failure))
      default: nil
      }
    }
  }
}

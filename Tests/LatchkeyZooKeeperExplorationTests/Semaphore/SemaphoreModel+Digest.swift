import Latchkey
import LatchkeyExplorer

@testable import LatchkeyZooKeeper

/// What tells one state from another. Of nodes only the place among the others counts, and of attempts, sessions, tickets, watches and
/// nodes that are gone only which are the same.
extension SemaphoreModel {
  func digest(_ state: State, into digest: inout StateDigest) {
    digest.add(state.faults)
    digest.add(state.moves.count)
    digest.add(state.hasGranted || !self.mustGrant)
    digest.add(state.server.limit ?? -1)
    digest.add(state.server.isPlaceMade)
    digest.add(state.server.leases.count)
    for lease in state.server.leases {
      digest.node(lease.name)
      digest.session(lease.session)
      digest.add(lease.identifier != nil)
      if let identifier = lease.identifier { digest.identifier(identifier) }
      digest.add(lease.hasFit)
      digest.add(lease.isLate)
      digest.add(state.deletedByHand.contains(lease.name))
    }
    digest.add(state.server.line.count)
    for place in state.server.line {
      switch place {
      case .curator(let index): digest.add(index)
      case .ours(let client, let ticket):
        digest.add(100 + client)
        digest.ticket(ticket, client)
      }
    }
    digest.add(state.late.count)
    for late in state.late {
      digest.identifier(late.identifier)
      digest.add(late.permits)
      digest.session(late.session)
    }
    for watches in [state.server.leaseWatches, state.server.limitWatches] {
      digest.add(watches.count)
      for watch in watches {
        digest.session(watch.session)
        digest.attempt(watch.attempt, Self.client(of: watch.session, state))
      }
    }
    for curator in state.curators {
      digest.add(curator.step)
      digest.add(curator.name != nil)
      if let name = curator.name { digest.node(name) }
    }
    for (index, client) in state.clients.enumerated() { digest.add(client, index, state) }
  }

  private static func client(of session: UInt64, _ state: State) -> Int {
    state.clients.firstIndex { $0.session == session } ?? -1
  }
}

extension StateDigest {
  fileprivate mutating func node(_ name: String) {
    let digits = name.utf8.reversed().prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }.reversed()
    self.add(name: UInt64(String(decoding: digits, as: UTF8.self)) ?? 0, of: 1)
  }

  fileprivate mutating func session(_ session: UInt64) { self.add(name: session, of: 2) }

  /// An identifier is a client and the number of an attempt.
  fileprivate mutating func identifier(_ identifier: String) {
    let parts = identifier.split(separator: ".").compactMap { UInt64($0) }
    self.attempt(parts[1], Int(parts[0]))
  }

  fileprivate mutating func attempt(_ attempt: UInt64, _ client: Int) {
    self.add(name: attempt << 4 | UInt64(truncatingIfNeeded: client + 1), of: 3)
  }

  fileprivate mutating func ticket(_ ticket: UInt64, _ client: Int) {
    self.add(name: ticket << 4 | UInt64(truncatingIfNeeded: client + 1), of: 4)
  }

  fileprivate mutating func watch(_ watch: UInt64, _ client: Int) {
    self.add(name: watch << 4 | UInt64(truncatingIfNeeded: client + 1), of: 5)
  }

  fileprivate mutating func claim(_ claim: PermitClaim) {
    self.add(claim.names.count)
    for name in claim.names { self.node(name) }
    self.session(claim.session)
  }

  fileprivate mutating func add(_ client: SemaphoreModelClient, _ index: Int, _ state: SemaphoreModel.State) {
    self.session(client.session)
    for flag in [
      client.isConnected, client.isSessionAlive, client.hasLiveTerm, client.awaitsTerm, client.isToldToWait,
      client.isToldToHead, client.ticket != nil,
    ] { self.add(flag) }
    if let ticket = client.ticket { self.ticket(ticket, index) }
    self.add(client.left.count)
    for ticket in client.left { self.ticket(ticket, index) }
    self.add(client.callers.count)
    for caller in client.callers + client.waiting {
      self.add(caller.permits)
      self.add(caller.isPatient)
      self.add(caller.keeps)
      self.add(caller.hasSeenOthers)
    }
    self.add(client.newcomers)
    self.add(client.holds.count)
    for hold in client.holds {
      self.claim(hold.claim)
      self.add(hold.keeps)
      self.add(hold.isHeld)
      self.add(hold.claim.names.contains(where: state.deletedByHand.contains))
    }
    self.add(client.releasing.count)
    for claim in client.releasing { self.claim(claim) }
    self.add(client.ownWatches.count)
    for claim in client.ownWatches { self.claim(claim) }
    self.add(client.laterWatches.count)
    for watch in client.laterWatches {
      self.claim(watch.claim)
      self.watch(watch.number, index)
    }
    self.add(client.pauses.count)
    for pause in client.pauses { self.add(pause, index) }
    if let identifier = client.machine.attempt?.identifier { self.add(client.freeAttempts.contains(identifier)) }
    self.add(client.halfway != nil)
    if let halfway = client.halfway {
      self.add(halfway.claim != nil)
      if let claim = halfway.claim { self.claim(claim) }
      self.add(halfway.leases.count)
      for name in halfway.leases { self.node(name) }
      self.add(halfway.isQueueFree)
      self.add(halfway.isListed)
      self.add(halfway.limit ?? -2)
    }
    self.add(client.requests.count)
    for request in client.requests { self.add(request, index) }
    self.add(client.replies.count)
    for reply in client.replies { self.add(reply.event, index) }
    self.add(client.machine, index)
  }

  private mutating func add(_ machine: SemaphoreMachine, _ index: Int) {
    self.add(machine.connectedSession != nil)
    if let session = machine.connectedSession { self.session(session) }
    for flag in [
      machine.isHead, machine.isContended, machine.hasWaited, machine.hasAnswer, machine.ticket != nil,
    ] { self.add(flag) }
    if let ticket = machine.ticket { self.ticket(ticket, index) }
    self.add(machine.placesMade)
    self.add(machine.suspects.count)
    for suspect in machine.suspects.sorted() { self.identifier(suspect) }
    self.add(machine.lookout != nil)
    if let lookout = machine.lookout { self.attempt(lookout, index) }
    self.add(machine.holds.count)
    for hold in machine.holds {
      self.claim(hold.claim)
      self.watch(hold.watch, index)
    }
    self.add(machine.litter.deletes.entries.count)
    for (claim, isInFlight) in machine.litter.deletes.entries {
      self.claim(claim)
      self.add(isInFlight)
    }
    self.add(machine.litter.creates.count)
    for (_, create) in machine.litter.creates.sorted(by: { $0.key < $1.key }) {
      self.identifier(create.identifier)
      self.session(create.session)
    }
    self.add(machine.litter.searches.entries.count)
    for (identifier, search) in machine.litter.searches.entries {
      self.identifier(identifier)
      self.session(search.session)
      self.add(search.isInFlight)
    }
    self.add(machine.strangers.entries.count)
    for (name, stranger) in machine.strangers.entries {
      self.node(name)
      self.session(stranger.session)
      self.add(stranger.isLookedAt)
    }
    if let attempt = machine.attempt {
      self.attempt(attempt.number, index)
      self.add(attempt.permits)
      self.session(attempt.session)
      self.add(attempt.isHead)
      self.add(attempt.hasChanged)
      self.add(attempt.held)
    }
    switch machine.phase {
    case .idle: self.add(0)
    case .needSession: self.add(1)
    case .entering: self.add(2)
    case .makingPlace: self.add(3)
    case .queueing: self.add(4)
    case .waiting(_, let claim, let look):
      self.add(5)
      self.claim(claim)
      self.add(look.before)
      self.add(look.limit ?? -1)
      for flag in [look.isListing, look.isReading, look.isStale, look.isLimitStale] { self.add(flag) }
    case .ripe(_, let claim):
      self.add(6)
      self.claim(claim)
    case .aside(_, let isReading, let isStale):
      self.add(7)
      self.add(isReading)
      self.add(isStale)
    case .throttled: self.add(8)
    }
  }

  private mutating func add(_ pause: SemaphorePause, _ index: Int) {
    switch pause {
    case .attempt(let attempt):
      self.add(1)
      self.attempt(attempt, index)
    case .look(let attempt):
      self.add(2)
      self.attempt(attempt, index)
    case .delete(let claim):
      self.add(3)
      self.claim(claim)
    case .search(let identifier, let session):
      self.add(4)
      self.identifier(identifier)
      self.session(session)
    case .stranger(let name, let session):
      self.add(5)
      self.node(name)
      self.session(session)
    }
  }

  private mutating func add(_ request: SemaphoreModelClient.Request, _ index: Int) {
    switch request {
    case .watchOwn(let claim, let watch):
      self.add(1)
      self.claim(claim)
      self.watch(watch, index)
    case .semaphore(.enter(let attempt, _, let permits, let isHead, let session)):
      self.add(2)
      self.attempt(attempt, index)
      self.add(permits)
      self.add(isHead)
      self.session(session)
    case .semaphore(.makePlace(let attempt, _)): self.add(3, attempt, index)
    case .semaphore(.list(let attempt, _)): self.add(4, attempt, index)
    case .semaphore(.readLimit(let attempt, _)): self.add(5, attempt, index)
    case .semaphore(.delete(let claim)):
      self.add(6)
      self.claim(claim)
    case .semaphore(.search(let identifier, let session)):
      self.add(7)
      self.identifier(identifier)
      self.session(session)
    case .semaphore(.lookAtStranger(let name, let session)):
      self.add(8)
      self.node(name)
      self.session(session)
    case .semaphore: self.add(9)
    }
  }

  private mutating func add(_ tag: Int, _ attempt: UInt64, _ index: Int) {
    self.add(tag)
    self.attempt(attempt, index)
  }

  private mutating func add(_ names: [String]) {
    self.add(names.count)
    for name in names { self.node(name) }
  }

  private mutating func add(_ result: Result<Void, NodeQueueFailure>) {
    switch result {
    case .success: self.add(0)
    case .failure(let failure): self.add(failure)
    }
  }

  private mutating func add(_ event: SemaphoreEvent, _ index: Int) {
    switch event {
    case .entered(let attempt, let create, let view):
      self.add(11, attempt, index)
      switch create {
      case .success(let claim): self.claim(claim)
      case .failure(let failure): self.add(failure)
      }
      switch view {
      case .success(let view):
        self.add(view.leases)
        self.add(view.isQueueFree)
        self.add(view.limit)
      case .failure(let failure): self.add(failure)
      }
    case .placeMade(let attempt, let result):
      self.add(12, attempt, index)
      self.add(result)
    case .listed(let attempt, let result):
      self.add(13, attempt, index)
      switch result {
      case .success(let names): self.add(names)
      case .failure(let failure): self.add(failure)
      }
    case .limitRead(let attempt, let result):
      self.add(14, attempt, index)
      self.add(result)
    case .leasesChanged(let attempt): self.add(15, attempt, index)
    case .limitChanged(let attempt): self.add(16, attempt, index)
    case .ownGone(let claim):
      self.add(17)
      self.claim(claim)
    case .ownWatched(let claim, let watch, let result):
      self.add(18)
      self.claim(claim)
      self.watch(watch, index)
      self.add(result)
    case .deleted(let claim, let result):
      self.add(19)
      self.claim(claim)
      self.add(result)
    case .searched(let identifier, let session, let result):
      self.add(20)
      self.identifier(identifier)
      self.session(session)
      switch result {
      case .success(let names): self.add(names)
      case .failure(let failure): self.add(failure)
      }
    case .strangerSeen(let name, let session, let result):
      self.add(21)
      self.node(name)
      self.session(session)
      switch result {
      case .success(let claim): self.add(claim != nil)
      case .failure(let failure): self.add(failure)
      }
    case .connected, .suspended, .ended, .closed, .queued, .headed, .unheaded, .queueFailed, .termLive, .unprovable,
      .pauseOver:
      // Never on their way: they are told at once.
      self.add(22)
    }
  }
}

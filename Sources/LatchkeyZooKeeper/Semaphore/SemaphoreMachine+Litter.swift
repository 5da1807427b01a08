internal import Latchkey

// What a semaphore leaves to be cleaned up: all nodes of a claim at once, or single ones that were found.
extension PermitClaim: NodeClaim {
  init(remains name: String, session: UInt64) { self.init(names: [name], session: session) }

  func has(nodeNamed name: String) -> Bool { self.names.contains(name) }
}

extension SemaphoreMachine: LitteringMachine {
  var sweepsStrangers: Bool { self.rules.sweepsStrangers }
  var repeatsRefused: Bool { self.rules.repeatsRefused }

  mutating func noteStrangers(in leases: [String]) {
    self.noteStrangers(among: leases.filter { $0.hasPrefix(self.mark) })
  }

  // A stranger keeps others waiting who stand before us in the queue, and there we do not list the permits. So while we wait without
  // nodes of our own, the permits are watched for what a create without an answer may still leave.

  /// Begins to look out, where that is needed and not done yet.
  mutating func keepLookout() -> [SemaphoreAction] {
    switch self.phase {
    case .queueing, .aside: break
    default: return []
    }
    guard self.rules.looksOut, !self.suspects.isEmpty, self.lookout == nil, self.connectedSession != nil else {
      return []
    }
    self.lookout = self.nextAttempt
    self.nextAttempt += 1
    return self.lookOut()
  }

  mutating func endLookout() -> [SemaphoreAction] {
    guard self.lookout != nil else { return [] }
    self.lookout = nil
    return [.send(.forgetLookout)]
  }

  func lookOut() -> [SemaphoreAction] {
    guard let number = self.lookout, let session = self.connectedSession else { return [] }
    return [.send(.list(attempt: number, session: session))]
  }

  func lookedOut(_ number: UInt64, _ result: Result<[String], NodeQueueFailure>) -> [SemaphoreAction] {
    switch result {
    case .failure(.inDoubt): self.lookOut()
    case .failure(.throttled): self.rules.repeatsRefused ? [.send(.pause(.look(number)))] : []
    // What is noted of a list is looked at by itself.
    case .success, .failure(.noNode), .failure(.sessionOver), .failure(.permanent): []
    }
  }

  /// It is known what became of a create: its node was found.
  mutating func accountFor(_ name: String) -> [SemaphoreAction] {
    guard !self.strangers.contains(name) else { return [] }
    self.suspects = self.suspects.filter { !name.contains("\($0)-") }
    return self.suspects.isEmpty ? self.endLookout() : []
  }

  var hasDoubt: Bool { if case .entering = self.phase { true } else { self.litter.hasDoubt } }

  func knows(_ name: String) -> Bool {
    guard self.rules.sweepsOnlyUnknown else { return false }
    if self.holds.contains(where: { $0.claim.has(nodeNamed: name) }) { return true }
    switch self.phase {
    case .waiting(_, let claim, _), .ripe(_, let claim): if claim.has(nodeNamed: name) { return true }
    default: break
    }
    return self.litter.holds(name)
  }

  static func delete(_ claim: PermitClaim) -> SemaphoreRequest { .delete(claim) }

  static func search(_ identifier: String, session: UInt64) -> SemaphoreRequest {
    .search(identifier: identifier, session: session)
  }

  static func look(atStranger name: String, session: UInt64) -> SemaphoreRequest {
    .lookAtStranger(name, session: session)
  }

  static func pause(beforeDeleting claim: PermitClaim) -> SemaphoreRequest { .pause(.delete(claim)) }

  static func pause(beforeLookingAtStranger name: String, session: UInt64) -> SemaphoreRequest {
    .pause(.stranger(name, session: session))
  }

  static func pause(beforeSearching identifier: String, session: UInt64) -> SemaphoreRequest {
    .pause(.search(identifier: identifier, session: session))
  }
}

internal import Latchkey

// The nodes by which callers of this process have permits.
extension SemaphoreMachine {
  /// The holder gives its permits back.
  mutating func giveBack(_ claim: PermitClaim) -> [SemaphoreAction] {
    guard let index = self.holdIndex(of: claim) else { return [] }
    self.holds.remove(at: index)
    return [.send(.forgetOwnWatch(claim))] + self.litter.delete(claim, connected: self.connectedSession)
  }

  private func holdIndex(of claim: PermitClaim) -> Int? { self.holds.firstIndex { $0.claim == claim } }

  mutating func loseHolds(where isLost: (PermitClaim) -> Bool) -> [SemaphoreAction] {
    let lost = self.holds.map(\.claim).filter(isLost)
    self.holds.removeAll { isLost($0.claim) }
    return lost.flatMap { [.send(.forgetOwnWatch($0)), .lose($0)] }
  }

  /// Watches the nodes of all holds once more, from the next heartbeat on.
  mutating func holdsConnected(_ session: UInt64) -> [SemaphoreAction] {
    guard self.rules.watchesAgain else { return [] }
    var actions: [SemaphoreAction] = []
    for index in self.holds.indices where self.holds[index].claim.session == session {
      actions.append(.send(.forgetOwnWatch(self.holds[index].claim)))
      actions += self.watchLater(index)
    }
    return actions
  }

  private mutating func watchLater(_ index: Int) -> [SemaphoreAction] {
    defer { self.nextWatch += 1 }
    self.holds[index].watch = self.nextWatch
    return [.send(.watchOwnLater(self.holds[index].claim, watch: self.nextWatch))]
  }

  mutating func ownGone(_ claim: PermitClaim) -> [SemaphoreAction] {
    guard self.rules.heedsOwnDeletion, let index = self.holdIndex(of: claim) else { return [] }
    self.holds.remove(at: index)
    let rest = self.rules.deletesRest ? self.litter.delete(claim, connected: self.connectedSession) : []
    return [.send(.forgetOwnWatch(claim)), .lose(claim)] + rest
  }

  mutating func ownWatched(
    _ claim: PermitClaim,
    _ watch: UInt64,
    _ result: Result<Void, NodeQueueFailure>
  ) -> [SemaphoreAction] {
    guard let index = self.holdIndex(of: claim), self.holds[index].watch == watch else { return [] }
    switch result {
    case .success: return []
    case .failure(.noNode): return self.ownGone(claim)
    case .failure(.inDoubt), .failure(.throttled): return self.watchLater(index)
    // A session that is over is told of by itself; what is not allowed now will not be later.
    case .failure(.sessionOver), .failure(.permanent): return []
    }
  }

  // MARK: Proof

  mutating func termLive(_ session: UInt64, termIsLive: Bool) -> [SemaphoreAction] {
    guard case .ripe(let attempt, let claim) = self.phase, claim.session == session else { return [] }
    return self.ripen(attempt, claim, termIsLive: termIsLive)
  }

  mutating func unprovable(_ session: UInt64, _ failure: LockFailure) -> [SemaphoreAction] {
    guard case .ripe(_, let claim) = self.phase, claim.session == session else { return [] }
    return self.giveUp(failure)
  }
}

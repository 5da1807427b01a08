internal import Latchkey

// What the answers to an attempt's first flight mean.
extension SemaphoreMachine {
  mutating func entered(
    _ number: UInt64,
    _ create: Result<PermitClaim, NodeQueueFailure>,
    _ view: Result<SemaphoreView, NodeQueueFailure>,
    termIsLive: Bool
  ) -> [SemaphoreAction] {
    guard case .entering(let attempt) = self.phase, attempt.number == number else {
      return self.litter.lateCreate(create, of: number, connected: self.connectedSession)
    }
    // Nothing is in flight any more that would make nodes.
    self.phase = .throttled(attempt)
    switch (create, view) {
    case (.success(let claim), .success(let view)):
      self.hasAnswer = true
      return self.judge(attempt, claim, view, termIsLive: termIsLive)
    case (.success(let claim), .failure(let failure)):
      return self.litter.delete(claim, connected: self.connectedSession) + self.failed(attempt, failure)
    case (.failure(.inDoubt), _):
      return self.search(attempt) + self.failed(attempt, .inDoubt)
    case (.failure(let failure), _): return self.failed(attempt, failure)
    }
  }

  private mutating func search(_ attempt: Attempt) -> [SemaphoreAction] {
    guard self.rules.recoversCreates else { return [] }
    return self.litter.search(attempt.identifier, session: attempt.session, connected: self.connectedSession)
  }

  /// A request of an attempt has no result, and nothing of it is left that is not being cleaned up.
  private mutating func failed(_ attempt: Attempt, _ failure: NodeQueueFailure) -> [SemaphoreAction] {
    let forget: [SemaphoreAction] = attempt.isHead ? [.send(.forgetWatches)] : []
    switch failure {
    case .noNode: return forget + self.makePlace(attempt)
    case .inDoubt: return forget + self.proceed()
    case .sessionOver: return self.sessionOver(attempt)
    case .throttled:
      self.hasAnswer = true
      return forget + self.pause(attempt)
    case .permanent(let failure): return forget + self.giveUp(failure)
    }
  }

  private mutating func judge(
    _ attempt: Attempt,
    _ claim: PermitClaim,
    _ view: SemaphoreView,
    termIsLive: Bool
  ) -> [SemaphoreAction] {
    let forget: [SemaphoreAction] = attempt.isHead ? [.send(.forgetWatches)] : []
    guard let before = self.count(before: claim, of: attempt, in: view.leases) else {
      // Somebody has deleted a node of ours by hand.
      return forget + self.withdraw(claim) + self.proceed()
    }
    guard let limit = view.limit.value(fixed: self.fixedLimit) else {
      return forget + self.withdraw(claim) + self.makePlace(attempt)
    }
    self.placesMade = 0
    let isOurTurn = attempt.isHead || view.isQueueFree || !self.rules.heedsQueue
    if isOurTurn, self.fits(attempt, before, limit) { return self.ripen(attempt, claim, termIsLive: termIsLive) }
    guard attempt.isHead else { return self.leaveFastPath(attempt, claim, limit) }
    self.phase = .waiting(attempt, claim, Look(before: before, limit: limit))
    return self.wait(termIsLive: termIsLive)
  }

  /// Others are in the way: takes the nodes back, and gets into line if a caller is left that waits.
  private mutating func leaveFastPath(_ attempt: Attempt, _ claim: PermitClaim, _ limit: Int) -> [SemaphoreAction] {
    self.isContended = true
    let actions = self.withdraw(claim)
    if self.demand.needsNewAnswer, self.rules.asksForNewcomers {
      return actions + self.turnAwayEarlier() + self.proceed()
    }
    let answers = actions + self.turnAway()
    guard self.demand.isAny else { return answers + self.abandon() }
    let behind = SemaphoreAction.send(.behind(self.place))
    if self.isBeyond(attempt, limit) { return answers + [behind] + self.stepAside(attempt) }
    return answers + [behind] + self.enterQueue()
  }

  // MARK: Making the place

  mutating func makePlace(_ attempt: Attempt) -> [SemaphoreAction] {
    guard self.placesMade < Self.maximumPlaces else { return self.giveUp(self.placeVanishes) }
    self.placesMade += 1
    self.phase = .makingPlace(attempt)
    return [.send(.makePlace(attempt: attempt.number, session: attempt.session))]
  }

  mutating func placeMade(_ number: UInt64, _ result: Result<Void, NodeQueueFailure>) -> [SemaphoreAction] {
    guard case .makingPlace(let attempt) = self.phase, attempt.number == number else { return [] }
    switch result {
    case .success, .failure(.noNode), .failure(.inDoubt): return self.proceed()
    case .failure(.throttled): return self.pause(attempt)
    case .failure(.sessionOver): return self.sessionOver(attempt)
    case .failure(.permanent(let failure)): return self.giveUp(failure)
    }
  }

  // MARK: Rank

  /// How many permits come before the last of ours; nil if one of ours is not among them.
  ///
  /// Curator counts whatever is in the directory, so what has no number comes before everybody. Where numbers have wrapped, or may
  /// soon, everything does, as for Curator. Nodes of ours that nobody held when the attempt began are being deleted, and do not count for
  /// us. Those that were given back since do: the limit that they are compared with may have been read before that.
  mutating func count(before claim: PermitClaim, of attempt: Attempt, in leases: [String]) -> Int? {
    let own = claim.names.count { leases.contains($0) }
    guard own == claim.names.count || !self.rules.missesOwnNodes else { return nil }
    let last = (self.rules.judgesByHighest ? claim.names.last : claim.names.first).flatMap { Self.number(of: $0) }
    let others = leases.filter { name in
      !claim.has(nodeNamed: name) && (!name.hasPrefix(self.mark) || attempt.held.contains(name))
    }
    let numbers = others.map { Self.number(of: $0) }
    var before = others.count
    if self.rules.ranks, let last, !Self.isNearWrap(last),
      !numbers.contains(where: { $0.map(Self.isNearWrap) ?? false })
    {
      before = numbers.count { $0.map { $0 < last } ?? true }
    }
    self.lastSeen = (before, leases.min { (Self.number(of: $0) ?? -1, $0) < (Self.number(of: $1) ?? -1, $1) })
    return before
  }

  /// The nodes that stand for permits which are held or wanted, as far as we know: those of ours that nobody holds do not.
  package func counted(_ leases: [String]) -> [String] {
    leases.filter { name in !name.hasPrefix(self.mark) || self.holds.contains { $0.claim.has(nodeNamed: name) } }
  }

  func fits(_ attempt: Attempt, _ before: Int, _ limit: Int) -> Bool {
    before + (self.rules.judgesByHighest ? attempt.permits : 1) <= limit
  }

  /// Whether more is wanted than there are, so that it would be waited for as long as the limit stays.
  func isBeyond(_ attempt: Attempt, _ limit: Int) -> Bool { attempt.permits > limit && self.rules.stepsAside }

  /// Names of permits, lowest number first; what has no number comes before all.
  static func inOrder(_ names: [String]) -> [String] {
    names.map { (number: Self.number(of: $0) ?? -1, name: $0) }.sorted { $0 < $1 }.map(\.name)
  }

  /// Whether a name is that of a permit's node.
  static func isPermit(_ name: String) -> Bool {
    ContenderIdentity.marker(of: name, among: [ContenderIdentity.leaseMarker]) != nil
  }

  /// The number of a permit's node; nil if it has none.
  private static func number(of name: String) -> Int64? {
    guard Self.isPermit(name) else { return nil }
    return ContenderIdentity.number(of: name, markers: [ContenderIdentity.leaseMarker])
  }

  private static func isNearWrap(_ number: Int64) -> Bool { ContenderIdentity.isNearWrap(number) }
}

extension LimitReading {
  /// nil if the limit's node is missing.
  fileprivate func value(fixed: Int?) -> Int? {
    switch self {
    case .fixed: fixed
    case .value(let value): value
    case .missing: nil
    }
  }
}

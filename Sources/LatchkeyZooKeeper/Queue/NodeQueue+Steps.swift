internal import Latchkey

extension NodeQueue {
  var attempt: Attempt? {
    switch self.phase {
    case .idle, .needSession: nil
    case .entering(let attempt), .makingDirectory(let attempt), .inDoubt(let attempt), .recovering(let attempt),
      .inspecting(let attempt, _), .listing(let attempt, _), .ordering(let attempt, _), .watching(let attempt, _, _),
      .ripe(let attempt, _), .throttled(let attempt, _):
      attempt
    }
  }

  mutating func startIfWanted() -> [NodeQueueAction] {
    self.phase = .idle
    return self.demand.isAny ? self.start() : []
  }

  mutating func start() -> [NodeQueueAction] {
    // Another caller of this process holds the lock. If alone, the next one needs no node before that is over; behind those who share
    // it, a caller that waits takes its place in the queue now.
    var actions: [NodeQueueAction] = []
    if let hold = self.hold(inTheWayOf: self.demand.want) {
      actions = self.turnAway(NodeQueuePlace(ahead: 1, first: hold.node.name))
      guard hold.rule.isShared, self.demand.isAny else { return actions }
    }
    guard let session = self.connectedSession else {
      self.phase = .needSession
      return actions
    }
    let attempt = Attempt(
      number: self.nextAttempt,
      identifier: self.makeIdentifier(self.nextAttempt),
      rule: self.rule(self.demand.want),
      session: session
    )
    self.nextAttempt += 1
    return actions + self.enter(attempt)
  }

  mutating func enter(_ attempt: Attempt) -> [NodeQueueAction] {
    self.demand.asked()
    self.phase = .entering(attempt)
    return [
      .send(
        .enter(
          attempt: attempt.number,
          identifier: attempt.identifier,
          rule: attempt.rule,
          session: attempt.session
        )
      )
    ]
  }

  /// Our node is gone: begin again, at the end of the queue.
  mutating func restart() -> [NodeQueueAction] {
    [self.forgetWatches()] + self.startIfWanted()
  }

  mutating func sessionOver() -> [NodeQueueAction] {
    if let session = self.attempt?.session, self.connectedSession == session { self.connectedSession = nil }
    return self.restart()
  }

  /// An answer was lost: once connected, find out what became of the request. The client tells of a lost connection before
  /// it fails the requests, so unless it is back already, `connected` or `ended` will still come.
  mutating func doubt(_ attempt: Attempt) -> [NodeQueueAction] {
    guard self.connectedSession == attempt.session else {
      self.phase = .inDoubt(attempt)
      return [self.forgetWatches()]
    }
    return [self.forgetWatches()] + self.recover(attempt)
  }

  /// Finds out what became of our create. `sync` first: a server that lags behind could hide the node.
  mutating func recover(_ attempt: Attempt) -> [NodeQueueAction] {
    guard self.rules.recoversCreates else { return self.enter(attempt) }
    self.phase = .recovering(attempt)
    self.demand.asked()
    return [
      .send(
        .list(
          attempt: attempt.number,
          own: nil,
          identifier: attempt.identifier,
          rule: attempt.rule,
          sync: self.rules.syncsRecovery,
          session: attempt.session
        )
      )
    ]
  }

  /// The nodes of an attempt that a list shows, without those that are being deleted: a delete that the servers have refused for
  /// now would reach the node after it had been granted.
  func matches(in view: NodeQueueView) -> [String] {
    guard self.rules.leavesDoomedNodes else { return view.matches }
    return view.matches.filter { !self.litter.holds($0) }
  }

  /// Goes on with the lowest node of an attempt, once it is known to be ours; there can be several if a create was carried out
  /// although its answer was lost. The rest is deleted.
  mutating func takeLowest(_ lowest: String, of view: NodeQueueView, _ attempt: Attempt) -> [NodeQueueAction] {
    self.phase = .inspecting(attempt, name: lowest)
    let rest = self.matches(in: view).filter { $0 != lowest }.flatMap { name in
      let extra = NodeQueueNode(name: name, czxid: 0, session: attempt.session)
      return self.litter.delete(extra, connected: self.connectedSession)
    }
    return rest + [.send(.inspect(attempt: attempt.number, name: lowest, session: attempt.session))]
  }

  mutating func list(_ attempt: Attempt, _ node: NodeQueueNode) -> [NodeQueueAction] {
    self.phase = .listing(attempt, node)
    self.demand.asked()
    return [
      .send(
        .list(
          attempt: attempt.number,
          own: node.name,
          identifier: attempt.identifier,
          rule: attempt.rule,
          sync: false,
          session: attempt.session
        )
      )
    ]
  }

  /// A list shows where our node stands.
  mutating func placed(
    _ attempt: Attempt,
    _ node: NodeQueueNode,
    _ view: NodeQueueView,
    termIsLive: Bool
  ) -> [NodeQueueAction] {
    guard view.foreign == nil else { return self.giveUp(node, self.directoryIsMixed) }
    if let names = view.unordered {
      self.phase = .ordering(attempt, node)
      return [.send(.warnAboutWrap), .send(.order(attempt: attempt.number, names: names, session: attempt.session))]
    }
    guard view.ownIndex != nil else { return self.restart() }
    if self.rules.sweepsStrangers, let lowest = self.matches(in: view).first, lowest != node.name {
      return [self.forgetWatches()] + self.takeLowest(lowest, of: view, attempt)
    }
    guard view.blockers > 0 else { return self.ripen(attempt, node, termIsLive: termIsLive) }
    // Somebody is ahead and has no name: no list should say so, and none that does grants anything.
    guard let blocker = view.blocker else { return self.list(attempt, node) }
    let place = NodeQueuePlace(ahead: view.blockers, first: view.first, blocker: blocker, marker: view.marker)
    // Behind a caller that waits, a try is busy in any case.
    if self.demand.needsNewAnswer, self.rules.asksForNewcomers {
      return self.turnAwayEarlier(place) + self.list(attempt, node)
    }
    var actions = self.dismissTries(place, node)
    guard self.demand.isAny else { return actions }
    actions.append(.send(.behind(place)))
    actions.append(.send(.watchBlocker(attempt: attempt.number, name: blocker, session: attempt.session)))
    if self.ownWatch?.node != node { actions.append(self.watchOwn(node)) }
    self.phase = .watching(attempt, node, place)
    return actions
  }

  /// Nobody blocks the node. It is granted only if the session is proven to live: a grant that comes with no time left would be
  /// lost at once.
  mutating func ripen(_ attempt: Attempt, _ node: NodeQueueNode, termIsLive: Bool) -> [NodeQueueAction] {
    guard termIsLive || !self.rules.needsLiveTerm else {
      self.phase = .ripe(attempt, node)
      return [.send(.awaitLiveTerm(session: attempt.session))]
    }
    self.phase = .idle
    var hold = Hold(node: node, rule: attempt.rule, identifier: attempt.identifier)
    // The watch on the node that waited is now that on the node that holds.
    if self.ownWatch?.node == node { hold.ownWatch = self.ownWatch }
    self.ownWatch = nil
    self.holds.append(hold)
    return [.grant(node)] + (hold.ownWatch == nil ? self.watchHoldsLater([node]) : [])
  }

  /// Answers the tries, and gives the node up if no other caller is left.
  mutating func dismissTries(_ place: NodeQueuePlace, _ node: NodeQueueNode) -> [NodeQueueAction] {
    let answers = self.turnAway(place)
    guard !self.demand.isAny else { return answers }
    self.phase = .idle
    return answers + [self.forgetWatches()] + self.litter.delete(node, connected: self.connectedSession)
  }

  private mutating func turnAwayEarlier(_ place: NodeQueuePlace) -> [NodeQueueAction] {
    defer { self.demand.turnedAwayEarlier() }
    return self.demand.tries ? [.turnAwayEarlier(place)] : []
  }

  mutating func turnAway(_ place: NodeQueuePlace) -> [NodeQueueAction] {
    defer { self.demand.turnedAway() }
    return self.demand.hasTries ? [.turnAway(place)] : []
  }

  /// No caller is left: whatever there is of our node goes.
  mutating func abandon() -> [NodeQueueAction] {
    let phase = self.phase
    self.phase = .idle
    switch phase {
    case .idle, .needSession, .makingDirectory, .throttled(_, .enter), .throttled(_, .makeDirectory): return []
    case .entering(let attempt):
      if self.rules.cleansUpAfterAbandonedCreates {
        self.litter.expectCreate(attempt.number, attempt.identifier, session: attempt.session)
      }
      return []
    case .inDoubt(let attempt), .recovering(let attempt), .inspecting(let attempt, _),
      .throttled(let attempt, .recover):
      return [self.forgetWatches()] + self.search(attempt)
    case .listing(_, let node), .ordering(_, let node), .watching(_, let node, _), .ripe(_, let node),
      .throttled(_, .list(let node)):
      return [self.forgetWatches()] + self.litter.delete(node, connected: self.connectedSession)
    }
  }

  /// Looks for what the create of an attempt has left, and deletes it.
  mutating func search(_ attempt: Attempt) -> [NodeQueueAction] {
    self.litter.search(attempt.identifier, session: attempt.session, connected: self.connectedSession)
  }

  mutating func giveUp(_ node: NodeQueueNode, _ failure: LockFailure) -> [NodeQueueAction] {
    self.phase = .idle
    return [self.forgetWatches()] + self.litter.delete(node, connected: self.connectedSession) + self.failAll(failure)
  }

  mutating func giveUpOnDirectory() -> [NodeQueueAction] {
    self.phase = .idle
    return self.failAll(self.directoryVanishes)
  }

  mutating func failAll(_ failure: LockFailure) -> [NodeQueueAction] {
    self.demand = Demand()
    return [.fail(failure)]
  }
}

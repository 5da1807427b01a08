#if Etcd
internal import Latchkey

extension KeyQueue {
  var attempt: Attempt? {
    switch self.phase {
    case .idle, .needSession, .held: nil
    case .entering(let attempt), .watching(let attempt, _, _), .checking(let attempt, _, _, _), .ripe(let attempt, _):
      attempt
    }
  }

  var node: KeyQueueNode? {
    switch self.phase {
    case .idle, .needSession, .entering: nil
    case .watching(_, let node, _), .checking(_, let node, _, _), .ripe(_, let node), .held(let node, _): node
    }
  }

  mutating func startIfWanted() -> [KeyQueueAction] {
    self.phase = .idle
    return self.demand.isAny ? self.start() : []
  }

  mutating func start() -> [KeyQueueAction] {
    guard let session = self.session else {
      self.phase = .needSession
      return []
    }
    // For callers who would not wait, nothing is written if the lock is held.
    let attempt = Attempt(
      number: self.nextAttempt,
      session: session,
      slot: self.rules.sparesOccupiedSlots ? self.litter.freeSlot : 0,
      onlyIfEmpty: !self.demand.waits
    )
    self.nextAttempt += 1
    self.demand.asked()
    self.phase = .entering(attempt)
    return [
      .send(.enter(attempt: attempt.number, session: session, slot: attempt.slot, onlyIfEmpty: attempt.onlyIfEmpty))
    ]
  }

  /// Our key is gone: begin again, at the end of the queue.
  mutating func restart() -> [KeyQueueAction] {
    [.send(.forgetWatches)] + self.startIfWanted()
  }

  mutating func sessionOver() -> [KeyQueueAction] {
    if let session = self.attempt?.session, self.session == session { self.session = nil }
    return self.restart()
  }

  mutating func check(_ attempt: Attempt, _ node: KeyQueueNode, _ view: KeyQueueView) -> [KeyQueueAction] {
    var attempt = attempt
    attempt.mustRead = false
    self.phase = .checking(attempt, node, view, again: false)
    return [.send(.check(attempt: attempt.number, node))]
  }

  /// A read shows where our key stands.
  mutating func placed(
    _ attempt: Attempt,
    _ node: KeyQueueNode,
    _ view: KeyQueueView,
    termIsLive: Bool
  ) -> [KeyQueueAction] {
    guard let predecessor = view.predecessor else { return self.ripen(attempt, node, termIsLive: termIsLive) }
    var attempt = attempt
    var actions = self.dismissTries(view, node)
    guard self.demand.isAny else { return actions }
    if attempt.watched != predecessor {
      attempt.watched = predecessor
      attempt.isPredecessorWatched = false
      actions.append(.send(.watchPredecessor(attempt: attempt.number, key: predecessor, asOf: view.revision)))
    }
    if !attempt.isOwnWatchAsked {
      attempt.isOwnWatchAsked = true
      // Whenever the place was read: the key stood at its own revision.
      actions.append(.send(.watchOwn(attempt: attempt.number, node, asOf: max(view.revision, node.revision))))
    }
    self.phase = .watching(attempt, node, view)
    return actions
  }

  /// The key is first. It is granted only if the session is proven to live: a grant that comes with no time left would be
  /// lost at once.
  mutating func ripen(_ attempt: Attempt, _ node: KeyQueueNode, termIsLive: Bool) -> [KeyQueueAction] {
    guard termIsLive || !self.rules.needsLiveTerm else {
      self.phase = .ripe(attempt, node)
      return []
    }
    self.phase = .held(node, isOwnWatched: attempt.isOwnWatched)
    return [.grant(node)] + (attempt.isOwnWatchAsked ? [] : [.send(.watchOwnLater(node))])
  }

  /// Answers the tries, and gives the key up if no caller is left.
  mutating func dismissTries(_ view: KeyQueueView, _ node: KeyQueueNode) -> [KeyQueueAction] {
    let answers = self.turnAway(view)
    guard !self.demand.isAny else { return answers }
    self.phase = .idle
    return answers + [.send(.forgetWatches)] + self.litter.delete(node)
  }

  /// Answers the tries that joined before the attempt to enter was sent; behind a waiting caller, all tries.
  mutating func answerAfterEntry(_ view: KeyQueueView) -> [KeyQueueAction] {
    guard self.demand.needsNewAnswer, self.rules.asksForNewcomers else { return self.turnAway(view) }
    defer { self.demand.turnedAwayEarlier() }
    return self.demand.tries ? [.turnAwayEarlier(view)] : []
  }

  mutating func turnAway(_ view: KeyQueueView) -> [KeyQueueAction] {
    defer { self.demand.turnedAway() }
    return self.demand.hasTries ? [.turnAway(view)] : []
  }

  /// No caller is left: whatever there is of our key goes.
  mutating func abandon() -> [KeyQueueAction] {
    switch self.phase {
    case .idle, .held: return []
    case .needSession:
      self.phase = .idle
      return []
    case .entering(let attempt):
      self.phase = .idle
      if self.rules.cleansUpAfterAbandonedEntries { self.litter.expectEntry(attempt) }
      return []
    case .watching(_, let node, _), .checking(_, let node, _, _), .ripe(_, let node):
      self.phase = .idle
      return [.send(.forgetWatches)] + self.litter.delete(node)
    }
  }

  mutating func giveUp(_ node: KeyQueueNode, _ failure: LockFailure) -> [KeyQueueAction] {
    self.phase = .idle
    return [.send(.forgetWatches)] + self.litter.delete(node) + self.failAll(failure)
  }

  mutating func failAll(_ failure: LockFailure) -> [KeyQueueAction] {
    self.demand = Demand()
    return [.fail(failure)]
  }
}
#endif

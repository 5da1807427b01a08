#if Etcd
extension QueueMachine {
  var attempt: Attempt? {
    switch self.phase {
    case .idle, .needSession, .held: nil
    case .entering(let attempt), .watching(let attempt, _, _), .checking(let attempt, _, _, _), .ripe(let attempt, _):
      attempt
    }
  }

  var node: QueueNode? {
    switch self.phase {
    case .idle, .needSession, .entering: nil
    case .watching(_, let node, _), .checking(_, let node, _, _), .ripe(_, let node), .held(_, let node, _): node
    }
  }

  var isWanted: Bool { self.patient + self.impatient > 0 }

  mutating func startIfWanted() -> [QueueAction] {
    self.phase = .idle
    return self.isWanted ? self.start() : []
  }

  mutating func start() -> [QueueAction] {
    guard let session = self.session else {
      self.phase = .needSession
      return []
    }
    // For callers who would not wait, nothing is written if the lock is held.
    let attempt = Attempt(
      number: self.nextAttempt,
      session: session,
      slot: self.rules.sparesOccupiedSlots ? self.litter.freeSlot : 0,
      onlyIfEmpty: self.patient == 0
    )
    self.nextAttempt += 1
    self.newcomers = 0
    self.phase = .entering(attempt)
    return [
      .enter(attempt: attempt.number, session: session, slot: attempt.slot, onlyIfEmpty: attempt.onlyIfEmpty)
    ]
  }

  /// Our key is gone: begin again, at the end of the queue.
  mutating func restart() -> [QueueAction] {
    [.forgetWatches] + self.startIfWanted()
  }

  mutating func sessionOver() -> [QueueAction] {
    if let session = self.attempt?.session, self.session == session { self.session = nil }
    return self.restart()
  }

  mutating func check(_ attempt: Attempt, _ node: QueueNode, _ view: QueueView) -> [QueueAction] {
    var attempt = attempt
    attempt.mustRead = false
    self.phase = .checking(attempt, node, view, again: false)
    return [.check(attempt: attempt.number, node)]
  }

  /// A read shows where our key stands.
  mutating func placed(
    _ attempt: Attempt,
    _ node: QueueNode,
    _ view: QueueView,
    termIsLive: Bool
  ) -> [QueueAction] {
    guard let predecessor = view.predecessor else { return self.ripen(attempt, node, termIsLive: termIsLive) }
    var attempt = attempt
    var actions = self.dismissImpatient(view, node)
    guard self.isWanted else { return actions }
    if attempt.watched != predecessor {
      attempt.watched = predecessor
      attempt.isPredecessorWatched = false
      actions.append(.watchPredecessor(attempt: attempt.number, key: predecessor, asOf: view.revision))
    }
    if !attempt.isOwnWatchAsked {
      attempt.isOwnWatchAsked = true
      // Whenever the place was read: the key stood at its own revision.
      actions.append(.watchOwn(attempt: attempt.number, node, asOf: max(view.revision, node.revision)))
    }
    self.phase = .watching(attempt, node, view)
    return actions
  }

  /// The key is first. It is granted only if the session is proven to live: a grant that comes with no time left would be
  /// lost at once.
  mutating func ripen(_ attempt: Attempt, _ node: QueueNode, termIsLive: Bool) -> [QueueAction] {
    guard termIsLive || !self.rules.needsLiveTerm else {
      self.phase = .ripe(attempt, node)
      return []
    }
    let grant = self.nextGrant
    self.nextGrant += 1
    self.phase = .held(grant: grant, node, isOwnWatched: attempt.isOwnWatched)
    return [.grant(grant, node)] + (attempt.isOwnWatchAsked ? [] : [.watchOwnLater(node)])
  }

  /// The first in line has been given the grant. The shell calls this in the step in which it takes the caller out of line.
  package mutating func served(patient: Bool) -> [QueueAction] {
    if patient { self.patient -= 1 } else { self.impatient -= 1 }
    return self.answerImpatient(QueueView(ahead: 1))
  }

  /// Answers the tries, and gives the key up if no caller is left.
  mutating func dismissImpatient(_ view: QueueView, _ node: QueueNode) -> [QueueAction] {
    let answers = self.answerImpatient(view)
    guard !self.isWanted else { return answers }
    self.phase = .idle
    return answers + [.forgetWatches] + self.litter.delete(node)
  }

  /// Answers the tries that joined before the attempt to enter was sent; behind a waiting caller, all tries.
  mutating func answerAfterEntry(_ view: QueueView) -> [QueueAction] {
    guard self.newcomers > 0, self.patient == 0, self.rules.asksForNewcomers else { return self.answerImpatient(view) }
    let hasEarlier = self.impatient > self.newcomers
    self.impatient = self.newcomers
    return hasEarlier ? [.answerEarlierImpatient(view)] : []
  }

  mutating func answerImpatient(_ view: QueueView) -> [QueueAction] {
    self.newcomers = 0
    guard self.impatient > 0 else { return [] }
    self.impatient = 0
    return [.answerImpatient(view)]
  }

  /// Nobody waits any more: whatever there is of our key goes.
  mutating func abandonIfUnwanted() -> [QueueAction] {
    guard !self.isWanted else { return [] }
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
      return [.forgetWatches] + self.litter.delete(node)
    }
  }

  mutating func giveUp(_ node: QueueNode, _ error: UInt64) -> [QueueAction] {
    self.phase = .idle
    return [.forgetWatches] + self.litter.delete(node) + self.failAll(error)
  }

  mutating func failAll(_ error: UInt64) -> [QueueAction] {
    (self.patient, self.impatient, self.newcomers) = (0, 0, 0)
    return [.fail(error)]
  }
}
#endif

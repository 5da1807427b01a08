internal import Latchkey

// Whose end is waited for: the blocker's, which makes it our turn, and our own node's, after which it never is.
extension NodeQueue {
  mutating func watchOwn(_ node: NodeQueueNode) -> NodeQueueAction {
    self.watchNumbered(node) { .send(.watchOwn(node, watch: $0)) }
  }

  private mutating func watchNumbered(_ node: NodeQueueNode, _ action: (UInt64) -> NodeQueueAction) -> NodeQueueAction {
    defer { self.nextWatch += 1 }
    var watch = OwnWatch(number: self.nextWatch, node: node)
    if let before = self.ownWatch, before.isAnswered {
      let isSame = before.node == node
      watch.isAnswered = isSame ? !self.rules.ownWatchEndsWithConnection : !self.rules.ownWatchCountsForItsNode
    }
    self.ownWatch = watch
    return action(self.nextWatch)
  }

  /// Forgets all watches, and what the server said of them.
  mutating func forgetWatches() -> NodeQueueAction {
    if self.rules.ownWatchEndsWithConnection, self.rules.ownWatchCountsForItsNode { self.ownWatch = nil }
    return .send(.forgetWatches)
  }

  /// Sets the watches once more after a reconnect.
  mutating func watchAgain(_ session: UInt64) -> [NodeQueueAction] {
    guard self.rules.watchesAgain else { return [] }
    switch self.phase {
    case .watching(let attempt, let node, let place) where attempt.session == session:
      guard let blocker = place.blocker else { return [] }
      return [
        self.forgetWatches(), .send(.watchBlocker(attempt: attempt.number, name: blocker, session: session)),
        self.watchOwn(node),
      ]
    case .ripe(let attempt, _) where attempt.session == session:
      // Asked once more: the servers may have given the session another timeout.
      return [self.forgetWatches(), .send(.awaitLiveTerm(session: session))]
    case .throttled(let attempt, _) where attempt.session == session:
      return [self.forgetWatches()]
    default:
      return []
    }
  }

  mutating func blockerWatched(
    _ number: UInt64,
    _ name: String,
    _ result: Result<Void, NodeQueueFailure>,
    termIsLive: Bool
  ) -> [NodeQueueAction] {
    guard self.watchesBlocker(number, name) || !self.rules.matchesBlockers,
      case .watching(let attempt, let node, _) = self.phase, attempt.number == number
    else { return [] }
    switch result {
    case .success: return []
    case .failure(.noNode): return self.blockerGone(number, name, termIsLive: termIsLive)
    case .failure(.inDoubt): return self.doubt(attempt)
    case .failure(.throttled): return self.pause(attempt, .list(node))
    case .failure(.sessionOver): return self.sessionOver()
    case .failure(.permanent(let error)): return self.giveUp(node, error)
    }
  }

  mutating func blockerGone(_ number: UInt64, _ name: String, termIsLive: Bool) -> [NodeQueueAction] {
    guard self.watchesBlocker(number, name) || !self.rules.matchesBlockers,
      case .watching(let attempt, let node, let place) = self.phase, attempt.number == number
    else { return [] }
    // No contender can have come between: one that enters after our list stands behind us. But our own node may have been deleted by
    // hand, and only a watch would have told us before.
    let isOnlyOne = place.ahead == 1 || !self.rules.listsAgainBehindSeveral
    let isReplaceable = place.marker.map(attempt.rule.replaceable.contains) ?? false
    let isOver = !isReplaceable || !self.rules.listsAgainBehindReplaceable
    if isOnlyOne, isOver, self.isOwnWatched(node) { return self.ripen(attempt, node, termIsLive: termIsLive) }
    return self.list(attempt, node)
  }

  /// Whether the server has said, on this connection, that this very node is watched.
  private func isOwnWatched(_ node: NodeQueueNode) -> Bool {
    guard self.rules.shortcutNeedsOwnWatch else { return true }
    guard let watch = self.ownWatch else { return false }
    return watch.node == node && watch.isAnswered
  }

  mutating func ownWatched(
    _ node: NodeQueueNode,
    _ watch: UInt64,
    _ result: Result<Void, NodeQueueFailure>
  ) -> [NodeQueueAction] {
    if let index = self.holdIndex(of: node) { return self.holdWatched(index, watch, result) }
    if case .failure(.noNode) = result { return self.ownGone(node) }
    guard self.ownWatch?.number == watch, self.owns(node) else { return [] }
    switch result {
    case .success:
      self.ownWatch?.isAnswered = true
      return []
    case .failure(.inDoubt), .failure(.throttled):
      return [self.watchNumbered(node) { .send(.watchOwnLater(node, watch: $0)) }]
    // A session that is over is told of by itself; what is not allowed now will not be later.
    case .failure(.noNode), .failure(.sessionOver), .failure(.permanent): return []
    }
  }

  mutating func ownGone(_ node: NodeQueueNode) -> [NodeQueueAction] {
    guard self.rules.heedsOwnDeletion else { return [] }
    if let index = self.holdIndex(of: node) {
      let isReplaced = self.holds[index].conversion != nil && self.rules.silencesReplacedNodes
      return isReplaced ? [] : self.loseHold(index)
    }
    switch self.phase {
    case .watching(_, node, _), .ripe(_, node), .listing(_, node), .ordering(_, node), .throttled(_, .list(node)):
      return self.restart()
    default:
      return []
    }
  }

  mutating func termLive(_ session: UInt64, termIsLive: Bool) -> [NodeQueueAction] {
    guard case .ripe(let attempt, let node) = self.phase, node.session == session else { return [] }
    return self.ripen(attempt, node, termIsLive: termIsLive)
  }

  mutating func unprovable(_ session: UInt64, _ failure: LockFailure) -> [NodeQueueAction] {
    guard case .ripe(_, let node) = self.phase, node.session == session else { return [] }
    return self.giveUp(node, failure)
  }
}

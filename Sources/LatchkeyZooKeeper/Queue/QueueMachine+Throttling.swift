// Servers with too much to do may refuse requests (`throttledOpWaitTime`): what was refused was not carried out. It is made
// again after a pause, for as long as somebody wants it.
extension QueueMachine {
  mutating func pause(_ attempt: Attempt, _ refused: Refused) -> [QueueAction] {
    self.phase = .throttled(attempt, refused)
    return self.rules.repeatsRefused ? [.pause(.attempt(attempt.number))] : []
  }

  mutating func pauseOver(_ pause: QueuePause) -> [QueueAction] {
    switch pause {
    case .attempt(let number):
      guard case .throttled(let attempt, let refused) = self.phase, attempt.number == number else { return [] }
      // The connection has gone meanwhile: once it is back, a look finds what there is of the attempt.
      guard self.connectedSession == attempt.session else { return self.doubt(attempt) }
      return self.again(attempt, refused)
    case .delete(let node): return self.litter.deleteAgain(node, connected: self.connectedSession)
    case .search(let identifier, _): return self.litter.searchAgain(identifier, connected: self.connectedSession)
    }
  }

  private mutating func again(_ attempt: Attempt, _ refused: Refused) -> [QueueAction] {
    switch refused {
    case .enter: return self.enter(attempt)
    case .makeDirectory:
      self.phase = .makingDirectory(attempt)
      return [.makeDirectory(attempt: attempt.number, session: attempt.session)]
    case .recover: return self.recover(attempt)
    case .list(let node): return self.list(attempt, node)
    }
  }

  /// Sets the watches once more after a reconnect.
  mutating func watchAgain(_ session: UInt64) -> [QueueAction] {
    guard self.rules.watchesAgain else { return [] }
    switch self.phase {
    case .held(_, let node) where node.session == session:
      return [.forgetWatches, .watchOwnLater(node)]
    case .watching(let attempt, let node, let place) where attempt.session == session:
      guard let predecessor = place.predecessor else { return [] }
      return [
        .forgetWatches, .watchPredecessor(attempt: attempt.number, name: predecessor, session: session),
        .watchOwn(node),
      ]
    case .ripe(var attempt, let node) where attempt.session == session:
      attempt.isOwnWatched = false
      self.phase = .ripe(attempt, node)
      return [.forgetWatches]
    case .throttled(var attempt, let refused) where attempt.session == session:
      attempt.isOwnWatched = false
      self.phase = .throttled(attempt, refused)
      return [.forgetWatches]
    default:
      return []
    }
  }
}

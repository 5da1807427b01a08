internal import Latchkey

// Servers with too much to do may refuse requests (`throttledOpWaitTime`): what was refused was not carried out. It is made
// again after a pause, for as long as somebody wants it.
extension NodeQueue {
  mutating func pause(_ attempt: Attempt, _ refused: Refused) -> [NodeQueueAction] {
    self.phase = .throttled(attempt, refused)
    return self.rules.repeatsRefused ? [.send(.pause(.attempt(attempt.number)))] : []
  }

  mutating func pauseOver(_ pause: NodeQueuePause) -> [NodeQueueAction] {
    switch pause {
    case .attempt(let number):
      guard case .throttled(let attempt, let refused) = self.phase, attempt.number == number else { return [] }
      // The connection has gone meanwhile: once it is back, a look finds what there is of the attempt.
      guard self.connectedSession == attempt.session else { return self.doubt(attempt) }
      return self.again(attempt, refused)
    case .delete(let node): return self.litter.deleteAgain(node, connected: self.connectedSession)
    case .search(let identifier, _): return self.litter.searchAgain(identifier, connected: self.connectedSession)
    case .conversion(let node): return self.conversionPauseOver(node)
    case .stranger(let name, _):
      self.strangers[name]?.isLookedAt = false
      return []
    }
  }

  private mutating func again(_ attempt: Attempt, _ refused: Refused) -> [NodeQueueAction] {
    switch refused {
    case .enter: return self.enter(attempt)
    case .makeDirectory:
      self.phase = .makingDirectory(attempt)
      return [.send(.makeDirectory(attempt: attempt.number, session: attempt.session))]
    case .recover: return self.recover(attempt)
    case .list(let node): return self.list(attempt, node)
    }
  }
}

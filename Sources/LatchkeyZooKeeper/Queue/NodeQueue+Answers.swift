internal import Latchkey

// What answers to the requests of an attempt mean.
extension NodeQueue {
  mutating func entered(
    _ number: UInt64,
    _ create: Result<NodeQueueNode, NodeQueueFailure>,
    _ view: Result<NodeQueueView, NodeQueueFailure>,
    termIsLive: Bool
  ) -> [NodeQueueAction] {
    defer { self.noteStrangers(in: view) }
    guard case .entering(var attempt) = self.phase, attempt.number == number else {
      return self.litter.lateCreate(create, of: number, connected: self.connectedSession)
    }
    switch create {
    case .success(let node):
      switch view {
      case .success(let view): return self.placed(attempt, node, view, termIsLive: termIsLive)
      case .failure(.sessionOver): return self.sessionOver()
      case .failure(.permanent(let error)): return self.giveUp(node, error)
      case .failure(.throttled): return self.pause(attempt, .list(node))
      case .failure(.inDoubt): return self.doubt(attempt)
      // The directory went away after the create, and our node with it.
      case .failure(.noNode): return self.restart()
      }
    case .failure(.noNode):
      guard attempt.directoriesMade < Self.maximumDirectories else { return self.giveUpOnDirectory() }
      attempt.directoriesMade += 1
      self.phase = .makingDirectory(attempt)
      return [.send(.makeDirectory(attempt: attempt.number, session: attempt.session))]
    case .failure(.inDoubt):
      return self.doubt(attempt)
    case .failure(.throttled):
      return self.pause(attempt, .enter)
    case .failure(.sessionOver):
      return self.sessionOver()
    case .failure(.permanent(let error)):
      self.phase = .idle
      return self.failAll(error)
    }
  }

  mutating func directoryMade(_ number: UInt64, _ result: Result<Void, NodeQueueFailure>) -> [NodeQueueAction] {
    guard case .makingDirectory(let attempt) = self.phase, attempt.number == number else { return [] }
    switch result {
    case .success, .failure(.noNode): return self.enter(attempt)
    case .failure(.inDoubt): return self.doubt(attempt)
    case .failure(.throttled): return self.pause(attempt, .makeDirectory)
    case .failure(.sessionOver): return self.sessionOver()
    case .failure(.permanent(let error)):
      self.phase = .idle
      return self.failAll(error)
    }
  }

  mutating func listed(
    _ number: UInt64,
    _ result: Result<NodeQueueView, NodeQueueFailure>,
    termIsLive: Bool
  ) -> [NodeQueueAction] {
    defer { self.noteStrangers(in: result) }
    switch self.phase {
    case .listing(let attempt, let node) where attempt.number == number:
      switch result {
      case .success(let view): return self.placed(attempt, node, view, termIsLive: termIsLive)
      case .failure(.noNode): return self.restart()
      case .failure(.inDoubt): return self.doubt(attempt)
      case .failure(.throttled): return self.pause(attempt, .list(node))
      case .failure(.sessionOver): return self.sessionOver()
      case .failure(.permanent(let error)): return self.giveUp(node, error)
      }
    case .recovering(let attempt) where attempt.number == number:
      switch result {
      case .success(let view):
        // If there is none it never happened: once more, under the same identifier.
        guard let lowest = self.matches(in: view).first else { return self.enter(attempt) }
        return self.takeLowest(lowest, of: view, attempt)
      case .failure(.noNode): return self.enter(attempt)
      case .failure(.inDoubt): return self.doubt(attempt)
      case .failure(.throttled): return self.pause(attempt, .recover)
      case .failure(.sessionOver): return self.sessionOver()
      case .failure(.permanent(let error)):
        self.phase = .idle
        return self.search(attempt) + self.failAll(error)
      }
    default:
      return []
    }
  }

  mutating func inspected(_ number: UInt64, _ result: Result<NodeQueueNode?, NodeQueueFailure>) -> [NodeQueueAction] {
    guard case .inspecting(let attempt, _) = self.phase, attempt.number == number else { return [] }
    switch result {
    case .success(let node?): return self.list(attempt, node)
    // It is another session's and will vanish with it, or it is gone: a new identifier keeps the two apart.
    case .success(nil), .failure(.noNode): return self.restart()
    case .failure(.inDoubt): return self.doubt(attempt)
    case .failure(.throttled): return self.pause(attempt, .recover)
    case .failure(.sessionOver): return self.sessionOver()
    case .failure(.permanent(let error)):
      self.phase = .idle
      return self.search(attempt) + self.failAll(error)
    }
  }

  mutating func ordered(
    _ number: UInt64,
    _ result: Result<[NodeQueueNode], NodeQueueFailure>,
    termIsLive: Bool
  ) -> [NodeQueueAction] {
    guard case .ordering(let attempt, let node) = self.phase, attempt.number == number else { return [] }
    switch result {
    case .success(let contenders):
      let own = contenders.firstIndex { $0.name == node.name }
      let markers = contenders[..<(own ?? 0)].compactMap { contender in
        attempt.rule.blockingMarker(of: contender.name).map { (name: contender.name, marker: $0) }
      }
      let view = NodeQueueView(
        ownIndex: own,
        blockers: markers.count,
        blocker: markers.last?.name,
        marker: markers.last?.marker,
        first: contenders.first?.name,
        count: contenders.count
      )
      return self.placed(attempt, node, view, termIsLive: termIsLive)
    case .failure(.sessionOver): return self.sessionOver()
    case .failure(.permanent(let error)): return self.giveUp(node, error)
    case .failure(.inDoubt): return self.doubt(attempt)
    case .failure(.throttled): return self.pause(attempt, .list(node))
    case .failure(.noNode): return self.restart()
    }
  }
}

import LatchkeyExplorer
import LatchkeyTesting

@testable import LatchkeyZooKeeper

extension ClientDigest {
  mutating func add(_ machine: NodeQueue) {
    self.words.add(machine.connectedSession != nil)
    if let session = machine.connectedSession { self.session(session) }
    self.add(machine.phase)
    self.words.add(machine.holds.count)
    for hold in machine.holds { self.add(hold) }
    let litter = machine.litter
    self.words.add(litter.deletes.entries.count)
    for (node, isInFlight) in litter.deletes.entries {
      self.add(mention: node)
      self.words.add(isInFlight)
    }
    self.words.add(litter.creates.count)
    for (number, create) in litter.creates.sorted(by: { $0.key < $1.key }) {
      self.attempt(number)
      self.identifier(create.identifier)
      self.session(create.session)
    }
    self.words.add(litter.searches.entries.count)
    for (identifier, search) in litter.searches.entries {
      self.identifier(identifier)
      self.session(search.session)
      self.words.add(search.isInFlight)
    }
    self.words.add(machine.strangers.entries.count)
    for (name, stranger) in machine.strangers.entries {
      self.node(name)
      self.session(stranger.session)
      self.words.add(stranger.isLookedAt)
    }
    self.words.add(machine.ownWatch != nil)
    if let watch = machine.ownWatch {
      self.watch(watch.number)
      self.words.add(watch.isAnswered)
      self.words.add(watch.node == machine.node)
      self.add(mention: watch.node)
    }
  }

  private mutating func add(_ hold: NodeQueue.Hold) {
    self.add(hold.node)
    self.marker(hold.rule.ownMarker)
    self.identifier(hold.identifier)
    self.words.add(hold.ownWatch != nil)
    if let watch = hold.ownWatch { self.watch(watch.number) }
    self.words.add(hold.conversion != nil)
    guard let conversion = hold.conversion else { return }
    self.words.add(conversion.goal.rawValue)
    self.words.add(conversion.step.rawValue)
    self.marker(conversion.target.ownMarker)
    self.node(conversion.standing)
    self.words.add(conversion.isAbandoned)
  }

  private mutating func add(_ attempt: NodeQueue.Attempt) {
    self.attempt(attempt.number)
    self.identifier(attempt.identifier)
    self.marker(attempt.rule.ownMarker)
    self.session(attempt.session)
    self.words.add(attempt.directoriesMade)
  }

  private mutating func add(_ phase: NodeQueue.Phase) {
    switch phase {
    case .idle: self.words.add(0)
    case .needSession: self.words.add(1)
    case .entering(let attempt): self.add(2, attempt)
    case .makingDirectory(let attempt): self.add(3, attempt)
    case .inDoubt(let attempt): self.add(4, attempt)
    case .recovering(let attempt): self.add(5, attempt)
    case .inspecting(let attempt, let name):
      self.add(6, attempt)
      self.node(name)
    case .listing(let attempt, let node): self.add(7, attempt, node)
    case .ordering(let attempt, let node): self.add(8, attempt, node)
    case .watching(let attempt, let node, let place):
      self.add(9, attempt, node)
      self.words.add(place.ahead)
    case .ripe(let attempt, let node): self.add(10, attempt, node)
    case .throttled(let attempt, let refused):
      switch refused {
      case .enter: self.add(12, attempt)
      case .makeDirectory: self.add(13, attempt)
      case .recover: self.add(14, attempt)
      case .list(let node): self.add(15, attempt, node)
      }
    }
  }

  private mutating func add(_ tag: Int, _ attempt: NodeQueue.Attempt, _ node: NodeQueueNode? = nil) {
    self.words.add(tag)
    self.add(attempt)
    if let node { self.add(node) }
  }

  mutating func add(_ pause: NodeQueuePause) {
    switch pause {
    case .attempt(let attempt):
      self.words.add(1)
      self.attempt(attempt)
    case .delete(let node):
      self.words.add(2)
      self.add(mention: node)
    case .search(let identifier, let session):
      self.words.add(3)
      self.identifier(identifier)
      self.session(session)
    case .stranger(let name, let session):
      self.words.add(4)
      self.node(name)
      self.session(session)
    case .conversion(let node):
      self.words.add(5)
      self.add(mention: node)
    }
  }
}

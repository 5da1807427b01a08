import LatchkeyExplorer
import LatchkeyTesting

@testable import LatchkeyZooKeeper

extension ClientDigest {
  mutating func add(_ request: NodeQueueRequest) {
    switch request {
    case .enter(let attempt, let identifier, let rule, let session):
      self.words.add(1)
      self.marker(rule.ownMarker)
      self.attempt(attempt)
      self.identifier(identifier)
      self.session(session)
    case .makeDirectory(let attempt, _):
      self.words.add(2)
      self.attempt(attempt)
    case .list(let attempt, let own, let identifier, let rule, let sync, _):
      self.words.add(own == nil ? 3 : 4)
      self.words.add(sync)
      self.marker(rule.ownMarker)
      self.attempt(attempt)
      self.identifier(identifier)
    case .inspect(let attempt, let name, _):
      self.words.add(5)
      self.attempt(attempt)
      self.node(name)
    case .watchBlocker(let attempt, let name, _):
      self.words.add(6)
      self.attempt(attempt)
      self.node(name)
    case .watchOwn(let node, let number):
      self.words.add(7)
      self.add(mention: node)
      self.watch(number)
    case .delete(let node):
      self.words.add(8)
      self.add(mention: node)
    case .search(let identifier, _):
      self.words.add(9)
      self.identifier(identifier)
    case .lookAtStranger(let name, let session):
      self.words.add(10)
      self.node(name)
      self.session(session)
    case .convert(let node, let standing, let rule):
      self.words.add(11)
      self.add(mention: node)
      self.node(standing)
      self.marker(rule.ownMarker)
    case .findForm(let node, let standing, let identifier, let rule):
      self.words.add(12)
      self.add(mention: node)
      self.node(standing)
      self.identifier(identifier)
      self.marker(rule.ownMarker)
    default: preconditionFailure("no request")
    }
  }

  mutating func add(_ message: ModelClient.Message) {
    switch message {
    case .reply(let event): self.add(event)
    case .fired(let name, let attempt):
      self.words.add(21)
      self.node(name)
      self.optional(attempt)
    }
  }

  private mutating func add(_ event: NodeQueueEvent) {
    switch event {
    case .entered(let attempt, let create, let view):
      self.words.add(1)
      self.attempt(attempt)
      if case .success(let node) = create { self.add(node) }
      if case .failure(let failure) = create { self.add(failure) }
      self.add(view)
    case .directoryMade(let attempt, let result):
      self.words.add(2)
      self.attempt(attempt)
      if case .failure(let failure) = result { self.add(failure) }
    case .listed(let attempt, let view):
      self.words.add(3)
      self.attempt(attempt)
      self.add(view)
    case .inspected(let attempt, let result):
      self.words.add(4)
      self.attempt(attempt)
      if case .success(let node?) = result { self.add(node) }
      if case .failure(let failure) = result { self.add(failure) }
    case .blockerWatched(let attempt, let name, let result):
      self.words.add(5)
      self.attempt(attempt)
      self.node(name)
      if case .failure(let failure) = result { self.add(failure) }
    case .deleted(let node, let result):
      self.words.add(6)
      self.add(mention: node)
      if case .failure(let failure) = result { self.add(failure) }
    case .searched(let identifier, _, let view):
      self.words.add(7)
      self.identifier(identifier)
      self.add(view)
    case .ownWatched(let node, let number, let result):
      self.words.add(8)
      self.add(mention: node)
      self.watch(number)
      if case .failure(let failure) = result { self.add(failure) }
    case .strangerSeen(let name, let session, let result):
      self.words.add(9)
      self.node(name)
      self.session(session)
      if case .success(let node) = result { self.words.add(node != nil) }
      if case .failure(let failure) = result { self.add(failure) }
    case .formed(let node, let result):
      self.words.add(10)
      self.add(mention: node)
      if case .success(let form?) = result {
        self.node(form.name)
        self.words.add(form.isAlone)
        self.words.add(form.czxid << 8 > self.state.lastToken(against: ModelMarker(of: form.name)))
      }
      if case .failure(let failure) = result { self.add(failure) }
    default: preconditionFailure("no reply")
    }
  }

  private mutating func add(_ failure: NodeQueueFailure) {
    switch failure {
    case .noNode: self.words.add(-2)
    case .throttled: self.words.add(-3)
    case .inDoubt: self.words.add(-4)
    case .sessionOver: self.words.add(-5)
    case .permanent: self.words.add(-6)
    }
  }

  private mutating func add(_ result: Result<NodeQueueView, NodeQueueFailure>) {
    guard case .success(let view) = result else {
      self.words.add(-1)
      if case .failure(let failure) = result { self.add(failure) }
      return
    }
    self.words.add(view.ownIndex ?? -1)
    self.words.add(view.blockers)
    if let blocker = view.blocker { self.node(blocker) }
    self.words.add(view.matches.count)
    for name in view.matches { self.node(name) }
    self.words.add(view.ours.count)
    for name in view.ours { self.node(name) }
  }
}

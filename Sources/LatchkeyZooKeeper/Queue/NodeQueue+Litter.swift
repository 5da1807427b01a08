internal import Latchkey

// What the queue leaves to be cleaned up: single nodes.
extension NodeQueueNode: NodeClaim {
  init(remains name: String, session: UInt64) { self.init(name: name, czxid: 0, session: session) }

  func has(nodeNamed name: String) -> Bool { self.name == name }
}

extension NodeQueue: LitteringMachine {
  var sweepsStrangers: Bool { self.rules.sweepsStrangers }
  var repeatsRefused: Bool { self.rules.repeatsRefused }

  mutating func noteStrangers(in view: Result<NodeQueueView, NodeQueueFailure>) {
    if case .success(let view) = view { self.noteStrangers(among: view.ours) }
  }

  var hasDoubt: Bool {
    switch self.phase {
    case .entering, .inDoubt, .recovering, .inspecting, .throttled(_, .recover): true
    default: self.litter.hasDoubt
    }
  }

  func knows(_ name: String) -> Bool {
    guard self.rules.sweepsOnlyUnknown else { return false }
    if self.holds.contains(where: { $0.isKnown(as: name) }) { return true }
    switch self.phase {
    case .watching(_, let node, _), .listing(_, let node), .ordering(_, let node),
      .ripe(_, let node),
      .throttled(_, .list(let node)):
      if node.name == name { return true }
    case .inspecting(_, name): return true
    default: break
    }
    return self.litter.holds(name)
  }

  static func delete(_ node: NodeQueueNode) -> NodeQueueRequest { .delete(node) }

  static func search(_ identifier: String, session: UInt64) -> NodeQueueRequest {
    .search(identifier: identifier, session: session)
  }

  static func pause(beforeDeleting node: NodeQueueNode) -> NodeQueueRequest { .pause(.delete(node)) }

  static func look(atStranger name: String, session: UInt64) -> NodeQueueRequest {
    .lookAtStranger(name, session: session)
  }

  static func pause(beforeLookingAtStranger name: String, session: UInt64) -> NodeQueueRequest {
    .pause(.stranger(name, session: session))
  }

  static func pause(beforeSearching identifier: String, session: UInt64) -> NodeQueueRequest {
    .pause(.search(identifier: identifier, session: session))
  }
}

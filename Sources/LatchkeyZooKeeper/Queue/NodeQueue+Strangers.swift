internal import Latchkey

// A create can be carried out after the search for it: the server had read it from the old connection, and got round to it when
// the new one had been answered. What it leaves is first in line sooner or later, and nobody's. So a node that carries the
// queue's mark and that no attempt knows is deleted when a list shows it, once its owner is known to be this session.
extension NodeQueue {
  /// A node that carries our mark and that no attempt knows.
  struct Stranger: Sendable {
    let session: UInt64
    /// Whether the question who owns it is under way, or waits for the end of a pause.
    var isLookedAt = false
  }

  mutating func noteStrangers(in view: Result<NodeQueueView, NodeQueueFailure>) {
    guard self.rules.sweepsStrangers, let session = self.connectedSession, case .success(let view) = view else {
      return
    }
    for name in view.ours where !self.strangers.contains(name) && !self.knows(name) {
      self.strangers[name] = Stranger(session: session)
    }
  }

  /// Asks for the owners of strangers, unless one of them may be the node of a create without an answer.
  mutating func lookAtStrangers() -> [NodeQueueAction] {
    guard !self.strangers.isEmpty, !self.hasDoubt else { return [] }
    var actions: [NodeQueueAction] = []
    for (name, stranger) in self.strangers.entries
    where !stranger.isLookedAt && stranger.session == self.connectedSession {
      if self.knows(name) {
        self.strangers[name] = nil
      } else {
        self.strangers[name]?.isLookedAt = true
        actions.append(.send(.lookAtStranger(name, session: stranger.session)))
      }
    }
    return actions
  }

  mutating func strangerSeen(
    _ name: String,
    _ session: UInt64,
    _ result: Result<NodeQueueNode?, NodeQueueFailure>
  ) -> [NodeQueueAction] {
    guard self.strangers[name]?.session == session else { return [] }
    switch result {
    case .success(let node?):
      // It may be the node of a create that has come into doubt meanwhile: the question is put again when that is settled.
      guard !self.hasDoubt else {
        self.strangers[name]?.isLookedAt = false
        return []
      }
      self.strangers[name] = nil
      return self.knows(name) ? [] : self.litter.delete(node, connected: self.connectedSession)
    case .failure(.inDoubt):
      self.strangers[name]?.isLookedAt = false
      return []
    case .failure(.throttled):
      guard self.rules.repeatsRefused else { return [] }
      return [.send(.pause(.stranger(name, session: session)))]
    // Another session's node ends with that session.
    case .success(nil), .failure(.noNode), .failure(.sessionOver), .failure(.permanent):
      self.strangers[name] = nil
      return []
    }
  }

  /// Whether a create is under way, or was and has no answer.
  private var hasDoubt: Bool {
    switch self.phase {
    case .entering, .inDoubt, .recovering, .inspecting, .throttled(_, .recover): true
    default: self.litter.hasDoubt
    }
  }

  /// Whether a node is one that we hold or wait with, or that is being deleted.
  private func knows(_ name: String) -> Bool {
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
}

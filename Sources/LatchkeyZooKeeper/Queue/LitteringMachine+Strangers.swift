internal import Latchkey

// A create can be carried out after the search for it: the server had read it from the old connection, and got round to it when
// the new one had been answered. What it leaves is first in line sooner or later, or a permit that is taken, and nobody's. So a node
// that carries the machine's mark and that no attempt knows is deleted when a list shows it, once its owner is known to be this
// session.
extension LitteringMachine {
  /// - Parameter ours: The names in a list that carry our mark.
  mutating func noteStrangers(among ours: [String]) {
    guard self.sweepsStrangers, let session = self.connectedSession else { return }
    for name in ours where !self.strangers.contains(name) && !self.knows(name) {
      self.strangers[name] = Stranger(session: session)
    }
  }

  /// Asks for the owners of strangers, unless one of them may be the node of a create without an answer.
  mutating func lookAtStrangers() -> [ContentionAction<Self>] {
    guard !self.strangers.isEmpty, !self.hasDoubt else { return [] }
    var actions: [ContentionAction<Self>] = []
    for (name, stranger) in self.strangers.entries
    where !stranger.isLookedAt && stranger.session == self.connectedSession {
      if self.knows(name) {
        self.strangers[name] = nil
      } else {
        self.strangers[name]?.isLookedAt = true
        actions.append(.send(Self.look(atStranger: name, session: stranger.session)))
      }
    }
    return actions
  }

  /// - Parameter result: The claim that the stranger is a node of; nil if it is another session's, or gone.
  mutating func strangerSeen(
    _ name: String,
    _ session: UInt64,
    _ result: Result<Claim?, NodeQueueFailure>
  ) -> [ContentionAction<Self>] {
    guard self.strangers[name]?.session == session else { return [] }
    switch result {
    case .success(let claim?):
      // It may be the node of a create that has come into doubt meanwhile: the question is put again when that is settled.
      guard !self.hasDoubt else {
        self.strangers[name]?.isLookedAt = false
        return []
      }
      self.strangers[name] = nil
      return self.knows(name) ? [] : self.litter.delete(claim, connected: self.connectedSession)
    case .failure(.inDoubt):
      self.strangers[name]?.isLookedAt = false
      return []
    case .failure(.throttled):
      guard self.repeatsRefused else { return [] }
      return [.send(Self.pause(beforeLookingAtStranger: name, session: session))]
    // Another session's node ends with that session.
    case .success(nil), .failure(.noNode), .failure(.sessionOver), .failure(.permanent):
      self.strangers[name] = nil
      return []
    }
  }
}

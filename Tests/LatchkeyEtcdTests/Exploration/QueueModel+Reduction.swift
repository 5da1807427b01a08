#if Etcd
@testable import LatchkeyEtcd

/// Steps that are taken alone, where the order in which they are taken cannot matter.
///
/// A step may be taken alone if it is no fault and, from here on and until it is taken, everything else that may happen commutes
/// with it: whatever can happen without it can happen after it, and leads to the same state. It must not grant or release, so
/// that whatever ``check(_:)`` finds before it, it finds after it. Then a way to a broken promise that does without the step, or
/// takes it later, is found behind it too; and if nothing at rest can be reached from the state before it, none can be reached
/// from the state behind it. (Persistent sets of one step: Godefroid, *Partial-Order Methods for the Verification of Concurrent
/// Systems*, 1996.) Each such step uses something up that none of them makes, a message or a caller, so they come to an end, and
/// nothing is put off for ever.
extension QueueModel {
  /// A step that may be taken alone, if there is one.
  func soleStep(from state: State) -> Step? {
    for index in state.clients.indices {
      if let step = self.soleStep(of: index, state) { return step }
    }
    return nil
  }

  private func soleStep(of index: Int, _ state: State) -> Step? {
    let client = state.clients[index]
    // Nothing happens to a client before it asks for the first time, and what it asks for is not yet at the server.
    if client.isFresh { return client.callers.isEmpty ? nil : .join(index) }
    for session in client.oldSessions where self.isForgotten(session, of: client, state) {
      return .expire(index, session)
    }
    // A client that wants nothing more and has left nothing has its next session for itself.
    if !client.hasLiveTerm, client.isDone, !client.isBusy { return .renew(index) }
    // While there is budget for faults, a message may be lost, or its receiver cancelled, before it is heard.
    guard state.faults == 0 else { return nil }
    // Its caller can do nothing, and its session cannot end.
    guard client.callers.isEmpty, client.hold == nil, client.late == nil, client.hasLiveTerm else { return nil }
    if let answer = client.answers.first, client.events.isEmpty, client.watches.isEmpty, !answer.mayGrant {
      // Requests only join the end of the line of answers, and who looks again waits for the answer.
      return .hearAnswer(index)
    }
    if let event = client.events.first, client.requests.isEmpty, client.answers.isEmpty, client.ghosts.isEmpty,
      !client.needsRecheck, !event.mayGrant
    {
      // There is no answer to come first, and other events only join the end of the line, unless all are forgotten.
      return .hearEvent(index)
    }
    if let node = client.requests.first?.action.node, client.ghosts.isEmpty, state.server.place(of: node.key) == nil {
      // Nobody else can make the key that it is about, so the answer is the same whenever it is given.
      return .serve(index)
    }
    return nil
  }

  /// Whether the end of an old session changes nothing for anybody.
  private func isForgotten(_ session: UInt64, of client: ModelClient, _ state: State) -> Bool {
    !state.server.keys.contains { $0.session == session } && !client.ghosts.contains { $0.session == session }
  }
}

extension ModelClient {
  /// Whether it has never asked.
  fileprivate var isFresh: Bool { self.machine.nextAttempt == 1 && self.waiting.isEmpty && self.hasLiveTerm }

  /// Whether nobody will ask, and nothing is on its way.
  fileprivate var isDone: Bool {
    self.callers.isEmpty && self.events.isEmpty && self.watches.isEmpty && self.late == nil && self.ghosts.isEmpty
      && self.machine.litter.isEmpty
  }
}

extension QueueEvent {
  /// Whether the lock may be granted when this is heard.
  fileprivate var mayGrant: Bool {
    switch self {
    case .entered(_, .success(.entered(_, let view)), _), .checked(_, .success(.standing(let view))):
      view.predecessor == nil
    default: false
    }
  }
}

extension ModelClient.Told {
  /// Whether the lock may be granted when this is heard.
  fileprivate var mayGrant: Bool { self.isDeletion && !self.isOwn }
}

extension QueueAction {
  /// The key that is read or deleted, if that is all that is done.
  fileprivate var node: QueueNode? {
    switch self {
    case .check(_, let node), .confirm(let node), .delete(let node): node
    default: nil
    }
  }
}
#endif

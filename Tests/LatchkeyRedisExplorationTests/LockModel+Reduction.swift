import LatchkeyExplorer

@testable import LatchkeyRedis

/// Steps that are taken alone, where the order in which they are taken cannot matter.
///
/// A step may be taken alone if it is no fault and, from here on and until it is taken, everything else that may happen commutes
/// with it: whatever can happen without it can happen after it, and leads to the same state. It must not grant or release, so
/// that whatever ``check(_:)`` finds before it, it finds after it. Then a way to a broken promise that does without the step, or
/// takes it later, is found behind it too; and if nothing at rest can be reached from the state before it, none can be reached
/// from the state behind it. (Persistent sets of one step: Godefroid, *Partial-Order Methods for the Verification of Concurrent
/// Systems*, 1996.) Each such step uses something up that none of them makes, a message or a caller, so they come to an end, and
/// nothing is put off for ever.
///
/// Where time passes, little commutes, since nearly every step looks at the clock: only what is refused, and what finds nothing
/// to release.
extension LockModel {
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
    if !self.isTimed, client.isFresh, !client.callers.isEmpty { return .join(index) }
    // While there is budget for faults, a message may be lost, or its receiver cancelled, before it is heard.
    guard state.faults == 0 else { return nil }
    for node in state.nodes.indices {
      if self.isVain(client.requests[node].first, of: index, at: node, state) { return .serve(index, node: node) }
    }
    guard self.isSingle, client.callers.isEmpty, client.hold == nil else { return nil }
    if let reply = client.replies[0].first {
      // Nothing that the turn can hear makes a difference to it any more.
      if client.isFinished { return .hear(index, node: 0) }
      // It has nothing else to hear, and this is no grant.
      if case .no = reply.answer, client.subscription == .none, client.retries.isEmpty { return .hear(index, node: 0) }
    }
    // Who has asked to be told of releases does not poll before that is heard.
    if !self.isTimed, !self.isPollingEager, client.subscription == .confirming, client.turn.isResting,
      client.requests[0].isEmpty, client.replies[0].isEmpty, client.retries.isEmpty
    {
      return .hearSubscribed(index)
    }
    return nil
  }

  /// Whether a request is a release that finds nothing to release, whenever it is carried out, and whose end nobody waits for.
  /// Nobody else plants our keys, and what was sent before to the same server has arrived before.
  private func isVain(_ request: ModelClient.Request?, of index: Int, at node: Int, _ state: State) -> Bool {
    let client = state.clients[index]
    guard let request, request.isRelease, self.shell.comparesOnRelease else { return false }
    guard client.isFinished || self.areRepliesSlow || !client.departed.contains(request.attempt) else { return false }
    if client.late.contains(where: { $0.node == node }) { return false }
    return !(state.nodes[node].key.map { $0.client == index && $0.attempt == request.attempt } ?? false)
  }
}

extension ModelClient {
  /// Whether it has never asked.
  fileprivate var isFresh: Bool { self.turn.attempt == 0 && self.waiting.isEmpty }

  /// Whether nobody wants the lock through it, now or later: then its turn is over, and of what there is to hear only the
  /// answers to releases mean anything.
  var isFinished: Bool {
    self.callers.isEmpty && self.waiting.isEmpty && self.hold == nil && self.turn.phase == .idle
  }
}

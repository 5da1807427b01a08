import LatchkeyTesting

@testable import LatchkeyZooKeeper

/// What must be.
extension QueueModel {
  func check(_ state: State) throws(BrokenPromise) {
    var holder: Int?
    for (index, client) in state.clients.enumerated() {
      guard client.releasing.allSatisfy(client.awaitsDelete) else {
        throw BrokenPromise("\(Self.name(index)) waits for its release, though nothing more comes on this connection")
      }
      guard let hold = client.hold, hold.isHeld else { continue }
      if state.deletedByHand.contains(hold.node.name) {
        let isQuiet =
          client.isConnected && client.requests.isEmpty && client.replies.isEmpty && client.laterWatches.isEmpty
        guard client.isDenied || !isQuiet else {
          throw BrokenPromise("\(Self.name(index)) is never told that its node was deleted by hand")
        }
        continue
      }
      if self.checksHeldNodes, client.isSessionAlive, state.server.place(of: hold.node.name) == nil {
        throw BrokenPromise("\(Self.name(index)) holds the lock with a node that it has deleted itself")
      }
      if let holder { throw BrokenPromise("\(Self.name(holder)) and \(Self.name(index)) hold the lock at once") }
      holder = index
    }
  }

  func isAtRest(_ state: State) -> Bool {
    state.server.nodes.isEmpty
      && state.clients.allSatisfy { client in
        if client.isClosed { return !client.isBusy }
        return !client.isBusy && client.isConnected && client.isSessionAlive && client.requests.isEmpty
      }
      && state.server.lateCreates.isEmpty
  }

  /// Notes which tries have seen the lock in other hands.
  func noteHolders(_ state: inout State) {
    for index in state.clients.indices where self.isInOtherHands(index, state) { state.clients[index].undisturbed = 0 }
  }

  /// Whether the lock is held, or wanted by somebody who comes before a client's tries: by anybody else than the tries of that client.
  func isInOtherHands(_ index: Int, _ state: State) -> Bool {
    let client = state.clients[index]
    let own = client.machine.attempt?.identifier
    return client.hold != nil || client.waiting.contains(true) || state.server.nodes.contains { $0.identifier != own }
  }

  static func name(_ client: Int) -> String { ["Ann", "Bob", "Cay", "Dan"][client] }
}

extension ModelClient {
  /// Whether the delete of a node can still be answered on this connection: only then may a release wait for it.
  func awaitsDelete(of node: QueueNode) -> Bool {
    guard self.isConnected else { return false }
    let isAsked = self.requests.contains { if case .delete(node) = $0 { true } else { false } }
    return isAsked
      || self.replies.contains { posted in
        if case .reply(.deleted(node, _)) = posted.message { true } else { false }
      }
  }

  /// Whether the servers hold a node of the client's of which nobody in the client knows; a list will show it.
  func leavesUnknownNode(in server: ModelServer) -> Bool {
    !self.isBusy && self.callers.isEmpty && self.isConnected && self.isSessionAlive
      && server.nodes.contains { $0.session == self.session && $0.isLate }
  }
}

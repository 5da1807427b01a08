import Latchkey
import LatchkeyExplorer
import LatchkeyTesting

@testable import LatchkeyZooKeeper

/// What must be.
extension QueueModel {
  func check(_ state: State) throws(BrokenPromise) {
    var holders: [(name: String, marker: ModelMarker)] = []
    if let first = state.outsider.first { holders.append(("a client of another kind", ModelMarker(of: first))) }
    for (index, client) in state.clients.enumerated() {
      guard client.releasing.allSatisfy(client.awaitsDelete) else {
        throw BrokenPromise("\(Self.name(index)) waits for its release, though nothing more comes on this connection")
      }
      for hold in client.holds where hold.isHeld { try self.check(hold, of: index, &holders, state) }
    }
  }

  private func check(
    _ hold: ModelClient.Hold,
    of index: Int,
    _ holders: inout [(name: String, marker: ModelMarker)],
    _ state: State
  ) throws(BrokenPromise) {
    let client = state.clients[index]
    let forms = hold.isConverting ? hold.forms : [hold.node.name]
    if forms.contains(where: state.deletedByHand.contains) {
      let isQuiet =
        client.isConnected && client.requests.isEmpty && client.replies.isEmpty && client.laterWatches.isEmpty
        && (!hold.isConverting || client.pauses.isEmpty)
      guard client.isDenied || !isQuiet else {
        throw BrokenPromise("\(Self.name(index)) is never told that its node was deleted by hand")
      }
      return
    }
    // Until it has the answer, a writer that goes on reading has what stands of it.
    var marker = ModelMarker(of: hold.node.name)
    if hold.isConverting, marker == .writing, state.server.place(of: hold.node.name) == nil { marker = .reading }
    guard hold.callers == 1 || marker == .reading else {
      throw BrokenPromise("\(hold.callers) callers of \(Self.name(index)) hold the lock for writing at once")
    }
    if self.checksHeldNodes, client.isSessionAlive, state.server.place(of: hold.node.name) == nil {
      throw BrokenPromise("\(Self.name(index)) holds the lock with a node that it has deleted itself")
    }
    if self.isSharingWrong, marker == .reading, holders.contains(where: { $0.marker == .reading }) {
      throw BrokenPromise("two clients share the lock")
    }
    for holder in holders where !marker.mayBeHeld(beside: holder.marker) {
      throw BrokenPromise("\(holder.name) and \(Self.name(index)) hold the lock at once")
    }
    holders.append((Self.name(index), marker))
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
    for index in state.clients.indices where state.clients[index].undisturbed > 0 {
      let want = state.clients[index].waiting.first { !$0.isPatient }?.want ?? .exclusive
      if self.isInOtherHands(index, state, for: want) { state.clients[index].undisturbed = 0 }
    }
  }

  /// Whether the lock is held, or wanted by somebody who comes before a client's tries: by anybody else than the tries of that client.
  func isInOtherHands(_ index: Int, _ state: State, for want: Want) -> Bool {
    let client = state.clients[index]
    if client.waiting.contains(where: \.isPatient) { return true }
    let own = client.machine.attempt?.identifier
    let marker = ModelMarker(client.machine.rule(want).ownMarker)
    if client.holds.contains(where: { !marker.mayBeHeld(beside: ModelMarker(of: $0.node.name)) }) { return true }
    return state.server.nodes.contains { $0.identifier != own && !marker.mayBeHeld(beside: $0.marker) }
  }

  static func name(_ client: Int) -> String { ["Ann", "Bob", "Cay", "Dan"][client] }
}

extension QueueModel.State {
  /// The greatest token of all grants that a node's would have been in conflict with.
  func lastToken(against marker: ModelMarker) -> Int64 {
    let (lock, reading, writing) = (self.lastTokens[0], self.lastTokens[1], self.lastTokens[2])
    return switch marker {
    case .latch: self.lastTokens[ModelMarker.latch.rawValue]
    case .reading: max(lock, writing)
    case .lock, .writing: max(lock, reading, writing)
    }
  }
}

extension ModelClient {
  /// Whether the first in line waits before one that wants something else.
  var isAheadOfAnotherWant: Bool {
    self.waiting.count > 1 && self.waiting[0].isPatient && self.waiting[0].want != self.waiting[1].want
  }

  /// Whether the delete of a node can still be answered on this connection: only then may a release wait for it.
  func awaitsDelete(of node: NodeQueueNode) -> Bool {
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

internal import Latchkey

// The nodes by which callers of this process hold the lock.
extension NodeQueue {
  /// A node that holds the lock.
  struct Hold: Sendable {
    let node: NodeQueueNode
    let rule: GrantRule
    /// The identifier in the node's name, whatever its form.
    let identifier: String
    var ownWatch: OwnWatch?
    /// What the node is being replaced by.
    var conversion: Conversion?

    /// Whether a name is that of the node, or of the one that is to take its place. Another node of the same attempt, which was created
    /// late, is nobody's.
    func isKnown(as name: String) -> Bool {
      if self.node.name == name { return true }
      return self.conversion != nil && name.contains(self.identifier)
        && ContenderIdentity.number(of: name) == ContenderIdentity.number(of: self.node.name)
    }
  }

  /// The node that holds the lock alone.
  var exclusiveHold: NodeQueueNode? { self.holds.first { !$0.rule.isShared }?.node }

  /// A hold that keeps a caller of this process waiting.
  func hold(inTheWayOf want: Want) -> Hold? {
    self.holds.first { !$0.rule.isShared } ?? (want == .exclusive ? self.holds.last : nil)
  }

  func holdIndex(of node: NodeQueueNode) -> Int? { self.holds.firstIndex { $0.node == node } }

  func hold(of node: NodeQueueNode) -> Hold? { self.holdIndex(of: node).map { self.holds[$0] } }

  /// The holder gives a node back.
  mutating func giveBack(_ node: NodeQueueNode) -> [NodeQueueAction] {
    guard let index = self.holdIndex(of: node) else { return [] }
    if self.holds[index].conversion != nil, self.rules.deletesReplacements {
      // Once it is known in which form it stands, that one is deleted.
      self.holds[index].conversion?.isAbandoned = true
      return []
    }
    self.holds.remove(at: index)
    return [.send(.forgetOwnWatch(node))] + self.litter.delete(node, connected: self.connectedSession)
      + self.enterIfFree()
  }

  /// The callers in line may have been waiting for a node of this process.
  mutating func enterIfFree() -> [NodeQueueAction] {
    if case .idle = self.phase { self.startIfWanted() } else { [] }
  }

  mutating func loseHold(_ index: Int) -> [NodeQueueAction] {
    let node = self.holds.remove(at: index).node
    return [.send(.forgetOwnWatch(node)), .lose(node)] + self.enterIfFree()
  }

  mutating func loseHolds(where isLost: (NodeQueueNode) -> Bool) -> [NodeQueueAction] {
    let lost = self.holds.map(\.node).filter(isLost)
    self.holds.removeAll { isLost($0.node) }
    return lost.flatMap { [.send(.forgetOwnWatch($0)), .lose($0)] }
  }

  // MARK: Watches

  /// Watches nodes from the next heartbeat on.
  mutating func watchHoldsLater(_ nodes: [NodeQueueNode]) -> [NodeQueueAction] {
    var actions: [NodeQueueAction] = []
    for node in nodes {
      guard let index = self.holdIndex(of: node) else { continue }
      self.holds[index].ownWatch = OwnWatch(number: self.nextWatch, node: node)
      actions.append(.send(.watchOwnLater(node, watch: self.nextWatch)))
      self.nextWatch += 1
    }
    return actions
  }

  /// The connection is back: sets the watches once more, and looks for what became of replacements without an answer.
  mutating func holdsConnected(_ session: UInt64) -> [NodeQueueAction] {
    let holds = self.holds.filter { $0.node.session == session }
    var actions: [NodeQueueAction] = []
    if self.rules.watchesAgain {
      let stable = holds.filter { $0.conversion == nil }.map(\.node)
      actions += stable.map { NodeQueueAction.send(.forgetOwnWatch($0)) }
      actions += self.watchHoldsLater(stable)
    }
    for hold in holds where hold.conversion?.step == .inDoubt {
      if let index = self.holdIndex(of: hold.node) { actions += self.findForm(index) }
    }
    return actions
  }

  /// The server has answered a watch on a node that holds the lock.
  mutating func holdWatched(
    _ index: Int,
    _ watch: UInt64,
    _ result: Result<Void, NodeQueueFailure>
  ) -> [NodeQueueAction] {
    // A node of the same name may have stood there before, and have been replaced.
    guard self.holds[index].ownWatch?.number == watch else { return [] }
    switch result {
    case .success:
      self.holds[index].ownWatch?.isAnswered = true
      return []
    case .failure(.noNode): return self.ownGone(self.holds[index].node)
    case .failure(.inDoubt), .failure(.throttled): return self.watchHoldsLater([self.holds[index].node])
    // A session that is over is told of by itself; what is not allowed now will not be later.
    case .failure(.sessionOver), .failure(.permanent): return []
    }
  }
}

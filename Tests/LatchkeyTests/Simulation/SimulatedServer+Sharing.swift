import Latchkey

/// What a caller wants of the simulated server.
enum SimulatedWant: Sendable, Hashable {
  /// A lock that one holds alone.
  case lock
  /// The writing half of a read-write lock.
  case exclusive
  /// The reading half of a read-write lock.
  case shared
  /// Permits of a semaphore, of so many.
  case permits(Int, of: Int)

  var permits: Int { if case .permits(let permits, _) = self { permits } else { 0 } }
}

/// Read-write locks and semaphores: who may hold together.
extension SimulatedServer {
  /// Whether a node holds what it wants, given those before it in the queue.
  func isNext(_ index: Int, _ nodes: [Node], _ changedLimit: Int?) -> Bool {
    let (node, ahead) = (nodes[index], nodes[..<index])
    switch node.want {
    case .lock: return index == 0 || (self.mutation == .grantsToTwo && index == 1)
    case .exclusive:
      if self.mutation == .writerJoinsReaders { return ahead.allSatisfy { $0.want == .shared } }
      let isOvertaken =
        self.mutation == .readersOvertakeWriters && nodes.contains { $0.want == .shared && $0.isGranted }
      return ahead.isEmpty && !isOvertaken
    case .shared:
      switch self.mutation {
      case .readersExcludeReaders: return ahead.isEmpty
      case .readersJoinWriter: return true
      case .readersOvertakeWriters: return !ahead.contains { $0.want == .exclusive && $0.isGranted }
      default: return !ahead.contains { $0.want == .exclusive }
      }
    case .permits(let permits, let limit):
      if node.isGranted { return true }
      if let waitsFor = node.waitsFor { return !nodes.contains { $0.request == waitsFor } }
      // Those behind count only where they can have overtaken.
      let others = self.mutation == .smallOvertakesLarge ? nodes[...] : ahead
      return self.fits(permits, beside: others, limit: self.limit(changedLimit, limit))
    }
  }

  private func limit(_ changed: Int?, _ first: Int) -> Int {
    switch self.mutation {
    case .admitsOneMore: first + 1
    case .admitsOneLess: max(1, first - 1)
    case .raisedLimitIsUnnoticed: min(changed ?? first, first)
    default: changed ?? first
    }
  }

  private func fits(_ permits: Int, beside others: ArraySlice<Node>, limit: Int) -> Bool {
    let before = others.filter { node in
      switch self.mutation {
      case .smallOvertakesLarge: node.isGranted
      case .requestsBeyondLimitBlock: true
      default: node.isGranted || node.want.permits <= limit
      }
    }
    if self.mutation == .countsRequests { return before.count < limit }
    return before.reduce(permits) { $0 + $1.want.permits } <= limit
  }

  /// The queue after a node has left it.
  func without(_ index: Int, of nodes: [Node]) -> [Node] {
    let node = nodes[index]
    var rest = nodes
    switch self.mutation {
    case .abandonedWritersBlock where node.want == .exclusive && !node.isGranted,
      .abandonedRequestsBlock where !node.isGranted:
      rest[index].isGhost = true
    case .releaseFreesAllReaders where node.want == .shared:
      rest.removeAll { $0.want == .shared && $0.session == node.session }
    case .releaseFreesOnePermit where node.want.permits > 1:
      if case .permits(let permits, let limit) = node.want { rest[index].want = .permits(permits - 1, of: limit) }
      rest[index].isGhost = true
    default: rest.remove(at: index)
    }
    // What is kept of one that gave up is in the way until its turn would have come.
    let isAbandoned = self.mutation == .abandonedWritersBlock || self.mutation == .abandonedRequestsBlock
    while isAbandoned, rest.first?.isGhost == true { rest.removeFirst() }
    return rest
  }

  /// Turns a writer's node into a reader's, in its place.
  ///
  /// - Returns: The reader's token; nil inside if the node is gone.
  func downgrade(_ name: LockName, _ session: UInt64, _ request: UInt64) -> UInt64?? {
    self.perform { state -> UInt64? in
      guard let index = state.queues[name]?.firstIndex(where: { $0.request == request }),
        var node = state.queues[name]?[index]
      else { return nil }
      if self.mutation != .downgradeKeepsReadersOut { node.want = .shared }
      if self.mutation == .downgradeTokenIsNew { node.token = self.mint(session, .exclusive, &state) }
      state.queues[name]?[index] = node
      if self.mutation == .downgradeLetsWritersIn {
        state.queues[name]?.remove(at: index)
        state.queues[name]?.append(node)
      }
      return node.token
    }
  }

  /// Turns a reader's node into a writer's, if it is the only one.
  ///
  /// - Returns: The writer's token, 0 if others are there; nil inside if the node is gone.
  func tryUpgrade(_ name: LockName, _ session: UInt64, _ request: UInt64) -> UInt64?? {
    self.perform { state -> UInt64? in
      guard let nodes = state.queues[name], let index = nodes.firstIndex(where: { $0.request == request }) else {
        return nil
      }
      let isAlone =
        switch self.mutation {
        case .upgradeIgnoresReaders: nodes.allSatisfy { $0.want == .shared }
        case .upgradeIgnoresWriters: nodes.count { $0.want == .shared } == 1
        default: nodes.count == 1
        }
      guard isAlone else {
        if self.mutation == .failedUpgradeKeepsReadersOut { state.queues[name]?[index].want = .exclusive }
        if self.mutation == .failedUpgradeDropsLease { state.queues[name]?.remove(at: index) }
        return 0
      }
      let token = self.mint(session, .exclusive, &state)
      state.queues[name]?[index].want = .exclusive
      state.queues[name]?[index].token = token
      return token
    }
  }

  /// Changes how many permits a semaphore has.
  func setLimit(_ limit: Int, of name: LockName) -> Bool? {
    self.perform { state in
      state.limits[name] = limit
      var inUse = 0
      switch self.mutation {
      case .loweredLimitRevokes:
        state.queues[name]?.removeAll { node in
          inUse += node.want.permits
          return inUse > limit
        }
      case .sameLimitFreesPermits: state.limits[name] = limit * 2
      default: break
      }
      return true
    }
  }
}

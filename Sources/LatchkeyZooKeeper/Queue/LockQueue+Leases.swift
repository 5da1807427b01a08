internal import Latchkey
internal import ZooKeeper

extension LockQueue: TermLeaseKeeper {
  /// Asks the server whether our node still stands. The deadline itself moves with the session's heartbeats alone: an answer
  /// to a read proves nothing about the session.
  func extend(_ lease: TermLease) async throws(LockError) {
    let node = self.state.withLock { state in state.lease === lease ? state.heldNode : nil }
    // Without a node it has ended, and knows that by now.
    if let node { try await self.confirm(node) }
  }

  func release(_ lease: TermLease) async {
    await withCheckedContinuation { continuation in
      let steps = self.state.withLock { state -> [Step] in
        guard state.lease === lease, let node = state.heldNode else { return [.settle(continuation)] }
        state.releases[node] = continuation
        return self.end(lease, &state)
      }
      self.perform(steps)
    }
  }

  func releaseInBackground(_ lease: TermLease) {
    let steps = self.state.withLock { state in state.lease === lease ? self.end(lease, &state) : [] }
    self.perform(steps)
  }

  /// The node goes with the session, and until then it is the holder's, who still has to release it.
  func termEnded(_ lease: TermLease) {}

  private func end(_ lease: TermLease, _ state: inout State) -> [Step] {
    state.lease = nil
    state.heldNode = nil
    return self.apply(.released(grant: lease.grant), &state)
  }

  /// Asks the server whether a node of ours still stands.
  private func confirm(_ node: QueueNode) async throws(LockError) {
    guard let session = self.state.withLock({ $0.session }), session.generation == node.session else {
      throw .lost(self.name, because: "its session is over")
    }
    let result: Result<Stat?, ZooKeeperError> = await withCheckedContinuation { continuation in
      session.exists(self.path(node.name)) { continuation.resume(returning: $0) }
    }
    switch result {
    case .success(.some): return
    case .success(nil): self.handle(.ownGone(node))
    case .failure(let error): throw LockError(self.name, error)
    }
  }
}

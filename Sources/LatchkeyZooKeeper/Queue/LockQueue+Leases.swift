internal import Latchkey
internal import LatchkeyPrimitives
internal import Logging
internal import ZooKeeper

/// What holders ask for.
extension LockQueue {
  /// The question whether a node still stands.
  typealias NodeQuestion = OneShot<Result<Stat?, ZooKeeperError>>

  /// Deletes the lease's node. Returns when that is done, or when nobody can say when it will be: the connection is lost, or the
  /// lease's deadline has passed. The delete is then finished in the background.
  ///
  /// - Returns: What the servers have not confirmed; nil if the node is gone.
  /// - Throws: `lockLost` if the first delete, whose answer is not in doubt, finds no node: somebody had deleted it.
  func release(_ lease: ZooKeeperLease) async throws(LockError) -> PendingRelease? {
    var handler: UInt64?
    let outcome: ReleaseOutcome = await withCheckedContinuation { continuation in
      let steps = self.state.withLock { state -> [Step] in
        guard state.lease === lease else { return [.settle(continuation, .success(nil))] }
        state.lease = nil
        state.releases[lease.node] = continuation
        return self.apply(.released(grant: lease.grant), &state)
      }
      self.perform(steps)
      handler = lease.term.onEnd { _ in self.settleRelease(of: lease.node) }
    }
    if let handler { lease.term.removeHandler(handler) }
    return try outcome.get()
  }

  private func settleRelease(of node: QueueNode) {
    let continuation = self.state.withLock { $0.releases.removeValue(forKey: node) }
    continuation?.resume(returning: .success(Self.unconfirmed))
  }

  func releaseInBackground(_ lease: ZooKeeperLease) { self.giveBack(lease) }

  /// - Returns: False if somebody else has given the lease back before.
  @discardableResult
  private func giveBack(_ lease: ZooKeeperLease) -> Bool {
    let steps = self.state.withLock { state -> [Step]? in
      guard state.lease === lease else { return nil }
      state.lease = nil
      return self.apply(.released(grant: lease.grant), &state)
    }
    self.perform(steps ?? [])
    return steps != nil
  }

  /// A holder that does not let go of what it has lost keeps everybody waiting for as long as the session lives, which others
  /// cannot tell from a lock that is held. It is given one more session timeout to stop.
  func termEnded(_ lease: ZooKeeperLease) {
    let session = self.state.withLock { $0.session } ?? self.client.currentSession
    let time = session?.timeout ?? self.client.configuration.sessionTimeout
    Task.detached { [weak self, weak lease] in
      // Never cancelled: nobody holds the task.
      try? await Task.sleep(for: time)
      guard let self, let lease, self.giveBack(lease) else { return }
      self.logger.warning(
        "a lock that was lost has not been released for a whole session timeout: its node is deleted, so that others can go on",
        metadata: .lock(self.name, self.backend, lease.token)
          .and(["zookeeper.path": "\(self.path(lease.node.name))"])
      )
    }
  }

  /// Asks the server whether a node of ours still stands. The deadline itself moves with the session's heartbeats alone: an answer
  /// to a read proves nothing about the session.
  func extend(_ lease: ZooKeeperLease) async throws(LockError) {
    let node = lease.node
    guard let session = self.state.withLock({ $0.session }), session.generation == node.session else {
      throw .lost(self.name, because: "its session is over")
    }
    let result = await askDespiteLoad(until: lease.term.deadline) {
      await self.ask(about: node, session, until: lease.term)
    }
    switch result {
    case .success(.some): return
    case .success(nil): self.handle(.ownGone(node))
    case .failure(let error):
      // Past the deadline there is a better word for it, which the lease has.
      guard lease.term.isLive else { return }
      throw LockError(self.name, error)
    }
  }

  /// Ends with the term, with the connection, and with the task.
  private func ask(
    about node: QueueNode,
    _ session: ZKSession,
    until term: Term
  ) async -> Result<Stat?, ZooKeeperError> {
    let path = self.path(node.name)
    let question = NodeQuestion()
    let number = self.state.withLock { state -> UInt64 in
      defer { state.nextQuestion += 1 }
      state.questions[state.nextQuestion] = question
      return state.nextQuestion
    }
    defer { self.state.withLock { _ = $0.questions.removeValue(forKey: number) } }
    // Check after registering the question: a connection that is lost from now on fails it.
    guard session.isConnected else {
      return .failure(ZooKeeperError(.connectionLoss, operation: "exists", path: path))
    }
    let handler = term.onEnd { _ in
      question.resolve(.failure(ZooKeeperError(.operationTimeout, operation: "exists", path: path)))
    }
    defer { if let handler { term.removeHandler(handler) } }
    session.exists(path) { question.resolve($0) }
    return await question.wait(cancelled: .failure(ZooKeeperError(.cancelled, operation: "exists", path: path)))
  }
}

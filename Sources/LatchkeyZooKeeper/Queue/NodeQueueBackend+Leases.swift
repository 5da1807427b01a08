internal import Latchkey
internal import LatchkeyPrimitives
internal import Logging
internal import ZooKeeper

/// What holders ask for, and what becomes of leases that were lost.
extension NodeQueueBackend {
  /// A holder that does not let go of what it has lost keeps everybody waiting for as long as the session lives, which others
  /// cannot tell from a lock that is held. It is given one more session timeout to stop.
  func termEnded(_ lease: ZooKeeperLease, of contention: Contention<NodeQueueBackend>) {
    let session = contention.withLocal { $1.session } ?? self.client.currentSession
    let time = session?.timeout ?? self.client.configuration.sessionTimeout
    Task.detached { [weak contention, weak lease] in
      // Never cancelled: nobody holds the task.
      try? await Task.sleep(for: time)
      guard let contention, let lease, contention.giveBack(lease) else { return }
      self.logger.warning(
        "a lock that was lost has not been released for a whole session timeout: its node is deleted, so that others can go on",
        metadata: .lock(self.name, self.backend, lease.token)
          .and(["zookeeper.path": "\(self.path(lease.node.name))"])
      )
    }
  }

  /// Asks the server whether a node of ours still stands. The deadline itself moves with the session's heartbeats alone: an answer
  /// to a read proves nothing about the session.
  func extend(_ lease: ZooKeeperLease, of contention: Contention<NodeQueueBackend>) async throws(LockError) {
    let node = lease.node
    guard let session = contention.withLocal({ $1.session }), session.generation == node.session else {
      throw .lost(self.name, because: "its session is over")
    }
    let result = await askDespiteLoad(until: lease.term.deadline) {
      await self.ask(about: node, session, until: lease.term, contention)
    }
    switch result {
    case .success(.some): return
    case .success(nil): contention.handle(.ownGone(node))
    case .failure(let error):
      // Past the deadline there is a better word for it, which the lease has.
      guard lease.term.isLive else { return }
      throw LockError(self.name, error)
    }
  }

  /// Ends with the term, with the connection, and with the task.
  private func ask(
    about node: NodeQueueNode,
    _ session: ZKSession,
    until term: Term,
    _ contention: Contention<NodeQueueBackend>
  ) async -> Result<Stat?, ZooKeeperError> {
    let path = self.path(node.name)
    let question = NodeQuestion()
    let number = contention.withLocal { _, local -> UInt64 in
      defer { local.nextQuestion += 1 }
      local.questions[local.nextQuestion] = question
      return local.nextQuestion
    }
    defer { contention.withLocal { _, local in _ = local.questions.removeValue(forKey: number) } }
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

internal import Latchkey
internal import ZooKeeper

/// The semaphores of one client that have the same limit.
///
/// Two limits for one name are two contenders, as if they were told to two processes: Curator's layout has no room for the limit, so
/// nobody can see that they differ.
final class SemaphoreSet: Sendable {
  let permits: ContentionTable<SemaphoreBackend>
  let queue: ContentionTable<NodeQueueBackend>

  init(_ limit: ZooKeeperSemaphore.Limit, of locks: ZooKeeperLocks) {
    let recipe = QueueRecipe.semaphore { [weak locks] name, ahead in
      guard let locks else { return }
      locks.semaphores(limit: limit).permits.contention(for: name, of: locks).handle { machine, _ in
        machine.ticket.flatMap { machine.isHead ? nil : .queued(ticket: $0, ahead: ahead) }
      }
    }
    self.queue = ContentionTable(shared: .init(recipe: recipe))
    let mark = ContenderIdentity.newMark()
    self.permits = ContentionTable(shared: .init(limit: limit, mark: mark, queue: self.queue, queueMark: recipe.mark))
  }

  /// Takes over the session of a client that is connected already. Others may use the set meanwhile.
  func begin(with client: ZooKeeperClient) {
    while let session = client.currentSession, session.isConnected {
      self.observe(.connected(session))
      // Unless an event about a later one has been overtaken.
      if client.currentSession === session { return }
    }
  }

  func observe(_ event: ZKSessionEvent) {
    let session: ZKSession? = if case .connected(let session) = event { session } else { nil }
    // The queue first: who is told that it heads it has a session.
    for contention in self.queue.update({ $0.session = session }) { contention.observe(event) }
    for contention in self.permits.update({ $0.session = session }) { contention.observe(event) }
  }
}

internal import Latchkey
internal import LatchkeyPrimitives

/// A place in the queue of a semaphore: a lock that is waited for until the machine lets go of it, whatever the budgets of callers are.
final class QueuePlace: Sendable {
  private enum State {
    case made
    case entering(Task<Void, Never>)
    case headed(ZooKeeperLease)
    case left
  }

  private let state = Locked(State.made)

  /// Gets into the queue.
  ///
  /// - Parameters:
  ///   - queue: The contenders for the queues of all names.
  ///   - locks: What they belong to.
  ///   - contention: What handles its events, which carry the ticket.
  func enter(
    _ queue: ContentionTable<NodeQueueBackend>,
    of locks: ZooKeeperLocks,
    for contention: Contention<SemaphoreBackend>,
    _ ticket: UInt64
  ) {
    self.state.withLock { state in
      guard case .made = state else { return }
      state = .entering(
        Task.detached {
          do throws(LockError) {
            let lease = try await queue.acquire(contention.name, of: locks, within: nil)
            self.head(lease, contention, ticket)
          } catch {
            guard error.code != .cancelled else { return }
            contention.handle(.queueFailed(ticket: ticket, LockFailure(error)))
          }
        }
      )
    }
  }

  private func head(_ lease: ZooKeeperLease, _ contention: Contention<SemaphoreBackend>, _ ticket: UInt64) {
    let isLeft = self.state.withLock { state -> Bool in
      if case .left = state { return true }
      state = .headed(lease)
      return false
    }
    guard !isLeft else { return lease.abandon(lease.grant) }
    contention.handle(.headed(ticket: ticket))
    _ = lease.onEnding(of: lease.grant) { ending in
      guard case .lost = ending else { return }
      // Its node may still stand, in everybody's way.
      lease.abandon(lease.grant)
      contention.handle(.unheaded(ticket: ticket))
    }
  }

  /// Leaves the queue, in the background.
  func leave() {
    let before = self.state.withLock { state -> State in
      defer { state = .left }
      return state
    }
    switch before {
    case .made, .left: break
    case .entering(let task): task.cancel()
    case .headed(let lease): lease.abandon(lease.grant)
    }
  }
}

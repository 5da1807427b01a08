/// An election over any lock: the candidate that holds the lock leads.
///
/// For backends without an election of their own: Redis, Redlock, and locks within the process. A leadership keeps the promises
/// that the lock keeps, and has a fencing token where the lock has one.
///
/// A lock has no room for a value. Within the process observers see what the leader says of itself, at once. A leader in another
/// process is found by the lock's inspector, which is asked every ``pollInterval``: its value is then the label of its locks, or
/// where there is none its host and process.
///
/// ```swift
/// let election = LockElection(locks.lock("scheduler"), inspector: RedisLockInspector(executor: connection))
/// try await election.withLeadership(value: "node-7") { leadership in
///   try await schedule(fencedBy: leadership.token)
/// }
/// ```
public struct LockElection: LeaderElection {
  private let lock: any DistributedLock
  private let inspector: (any LockInspector)?
  private let board: LeaderBoard

  /// How often ``leaders`` asks the inspector: so late, at most, a leader in another process is seen.
  public let pollInterval: Duration

  /// An election among the candidates of this process.
  ///
  /// - Parameter mutex: What the candidates agree on: elections over the same mutex are one.
  public init(_ mutex: LocalMutex) {
    self.lock = mutex
    self.inspector = nil
    self.board = LeaderBoard.of(mutex)
    self.pollInterval = .seconds(1)
  }

  /// An election over a lock at a backend.
  ///
  /// - Parameters:
  ///   - lock: What the candidates agree on. An election and a lock of one name exclude each other. The reading half of a read-write
  ///     lock is refused by ``campaign(value:within:)``: several may hold it.
  ///   - inspector: What finds a leader in another process; it must look at the same backend.
  ///   - pollInterval: How often ``leaders`` asks it, at least a millisecond.
  public init(_ lock: any DistributedLock, inspector: any LockInspector, pollInterval: Duration = .seconds(1)) {
    self.lock = lock
    self.inspector = inspector
    self.board = LeaderBoard.of(lock)
    self.pollInterval = max(pollInterval, .milliseconds(1))
  }

  /// The lock's name.
  public var name: LockName { self.lock.name }

  /// Where the lock lives.
  public var backend: LockBackend { self.lock.backend }

  /// Stands as a candidate and waits for the lock.
  ///
  /// - Parameters:
  ///   - value: What the candidate says of itself, for observers in this process.
  ///   - timeout: The budget of the whole call; nil waits for ever, zero tries once.
  /// - Returns: The leadership; resign it when it is over.
  /// - Throws: ``LockError``, as ``DistributedLock/acquire(within:)`` does; ``LockError/Code/invalidConfiguration`` if several may hold
  ///   the lock.
  public func campaign(value: String, within timeout: Duration?) async throws(LockError) -> Leadership {
    if self.lock.isShared {
      throw LockError(
        .invalidConfiguration,
        name: self.name,
        message: "readers hold this lock together, so several candidates would lead; elect over the writing half"
      )
    }
    let lease = try await self.lock.acquire(within: timeout)
    let (board, name) = (self.board, self.name)
    let term = board.show(lease.held, value)
    return Leadership(lease: lease) { value throws(LockError) in
      guard board.show(value, of: term) else { throw .lost(name, because: "another candidate leads") }
    }
  }

  /// Who leads now; nil if the lock is free.
  ///
  /// - Returns: The leader.
  /// - Throws: ``LockError`` from the inspector: ``LockError/Code/unreachable`` if the backend cannot be asked.
  public func leader() async throws(LockError) -> Leader? {
    if let leader = self.board.leader { return leader }
    guard let holder = try await self.inspector?.inspect(self.name).holder else { return self.board.leader }
    // A candidate of this process may have been elected during the look: what it says of itself is better known here.
    return self.board.leader ?? Leader(value: holder.label ?? holder.description, token: holder.token)
  }

  /// Who leads, from now on: the present leader first, then each change of leader or of its value, and nil when nobody leads.
  ///
  /// Changes within this process are seen at once, others with the next poll. A backend that cannot be reached, or fails for a reason
  /// that may pass, is asked again; the sequence ends when its client is closed or refused.
  public var leaders: AsyncStream<Leader?> {
    AsyncStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
      let (changes, changed) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
      let observer = self.board.observe { changed.yield() }
      changed.yield()
      let task = Task {
        var last: Leader??
        for await _ in changes {
          do throws(LockError) {
            let leader = try await self.leader()
            if last != leader { continuation.yield(leader) }
            last = leader
          } catch {
            guard error.mayPass else { break }
          }
        }
        continuation.finish()
      }
      let poll = self.inspector == nil ? nil : Task { [pollInterval] in await changed.yield(every: pollInterval) }
      continuation.onTermination = { [board] _ in
        poll?.cancel()
        task.cancel()
        board.removeObserver(observer)
      }
    }
  }
}

extension AsyncStream<Void>.Continuation {
  /// Yields again and again until the task is cancelled.
  fileprivate func yield(every interval: Duration) async {
    while (try? await Task.sleep(for: interval)) != nil { self.yield() }
  }
}

extension LocalLocks {
  /// The election of a name among the candidates of this process.
  ///
  /// - Parameter name: The name that candidates agree on; the election and the mutex of one name exclude each other.
  /// - Returns: The election; equal names give the same one.
  public func election(_ name: LockName) -> LockElection { LockElection(self.lock(name)) }
}

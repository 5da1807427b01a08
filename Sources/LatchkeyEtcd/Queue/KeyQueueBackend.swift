#if Etcd
internal import Latchkey
internal import LatchkeyNetwork
internal import LatchkeyPrimitives
internal import Logging

/// One grant of an etcd lock: our key, and the term that proves the session behind it.
typealias EtcdLease = TermLease<Contention<KeyQueueBackend>>

/// How a lock is contended for in etcd: the requests of one ``KeyQueue``, and the watches that it has left.
final class KeyQueueBackend: ContentionBackend {
  typealias Machine = KeyQueue
  typealias Shared = EtcdSession?
  typealias Timer = TimerQueue.ID

  struct Local: Sendable {
    var session: EtcdSession?
    var predecessorWatch: KeyWatch?
    var ownWatch: KeyWatch?
    var nextParking: UInt64 = 1
    var lateWatch: TimerQueue.ID?
  }

  enum Job: Sendable {
    case send(KeyQueueRequest, EtcdSession?)
    case giveUpLater(KeyWatch)
    case removeLateWatch(TimerQueue.ID)
  }

  /// What was asked has no answer.
  struct Silence: Sendable {}

  let name: LockName
  let backend: LockBackend
  let ownDescription: String
  let tryTimeout: Duration?
  let lossOfClaim = """
    its key is gone: its session ended, somebody deleted it, or a server revoked the lease that it should have kept \
    (etcd before 3.4.31 and 3.5.13 does that when a leader is deposed, etcd issue 15247)
    """
  let prefix: [UInt8]
  let client: EtcdClient
  /// What our keys say.
  let value: [UInt8]
  /// Which of the client's ``EtcdLocks`` it belongs to.
  let owner: UInt64

  init(name: LockName, locks: EtcdLocks) {
    self.name = name
    self.backend = locks.backend
    self.tryTimeout = locks.configuration.answerTimeout
    self.prefix = LockKeys.prefix(of: name, under: locks.configuration.prefix)
    self.client = locks.client
    self.value = locks.value
    self.owner = locks.number
    self.ownDescription = locks.ownDescription
  }

  var logger: Logger { self.client.logger }
  var firstAnswerTimeout: Duration? { self.tryTimeout }

  static func contention(
    for name: LockName,
    of locks: EtcdLocks,
    _ session: EtcdSession?
  ) -> Contention<KeyQueueBackend> {
    Contention(
      KeyQueueBackend(name: name, locks: locks),
      machine: KeyQueue(session: session?.generation, sweeps: locks.sweeps),
      local: Local(session: session)
    )
  }

  // MARK: Under the lock

  func context(_ local: Local) -> Bool {
    // Don't fire expiry handlers here: user code must not run under this lock.
    local.session?.term.isLive ?? false
  }

  func terms(of node: KeyQueueNode, _ local: inout Local) -> ClaimTerms<ClaimLease> {
    guard let session = local.session else { preconditionFailure("a grant without a session") }
    // All keys of the cluster share one sequence of revisions, and grants follow that of creation.
    return ClaimTerms(token: FencingToken(major: UInt64(bitPattern: node.revision)), term: session.term)
  }

  func jobs(
    for requests: [KeyQueueRequest],
    _ machine: KeyQueue,
    _ local: inout Local,
    hasDeadline: Bool
  ) -> [Job] {
    requests.flatMap { request -> [Job] in
      guard case .forgetWatches = request else { return [.send(request, local.session)] }
      var jobs: [Job] = []
      for watch in [local.park(\.predecessorWatch), local.park(\.ownWatch)].compactMap({ $0 }) {
        // At once: after the lock it might be in use again, and would lose the handler of that use.
        self.client.watches.park(watch.id)
        jobs.append(.giveUpLater(watch))
      }
      if let watch = local.lateWatch { jobs.append(.removeLateWatch(watch)) }
      local.lateWatch = nil
      return jobs
    }
  }

  func wait(at standing: KeyQueueView?, _ local: Local) -> LockError.Wait {
    LockError.Wait(holder: standing?.holder, place: standing?.ahead)
  }

  func silence(
    _ machine: KeyQueue,
    _ local: Local,
    waited: Duration,
    mustExplain: Bool
  ) -> Silence? {
    // A question that was asked a while ago and has no answer: nobody knows who holds the lock.
    mustExplain || (!machine.isAnswered && waited > .milliseconds(250)) ? Silence() : nil
  }

  func mayRetire(_ local: Local) -> Bool {
    // Watches that are left for a moment are given up by themselves.
    local.predecessorWatch == nil && local.ownWatch == nil
  }

  // MARK: Outside the lock

  /// A wait without end must not hang on servers that were never there.
  func awaitConnection(
    from start: ContinuousClock.Instant,
    within budget: Duration?,
    isTry: Bool
  ) async throws(LockError) -> ContinuousClock.Instant {
    if isTry {
      try await self.awaitSession(within: budget)
      return start
    }
    if let error = self.client.keeper.closed { throw LockError(self.name, error) }
    guard !self.client.hasHadSession, let patience = self.firstAnswerTimeout else { return start }
    do throws(EtcdError) {
      _ = try await self.client.keeper.waitForSession(within: budget.map { min($0, patience) } ?? patience)
      return start
    } catch {
      // A cluster that has answered, and refuses us for now, is waited for as in any outage.
      guard error.isTransient, budget.map({ $0 > patience }) ?? true else { throw LockError(self.name, error) }
      try await self.awaitSession(within: budget.map { $0 - patience })
      return .now
    }
  }

  private func awaitSession(within timeout: Duration?) async throws(LockError) {
    do throws(EtcdError) {
      _ = try await self.client.keeper.waitForSession(within: timeout)
    } catch {
      throw LockError(self.name, error)
    }
  }

  func setTimer(at time: ContinuousClock.Instant, _ body: @escaping @Sendable () -> Void) -> TimerQueue.ID {
    self.client.timers.set(at: time, body)
  }

  func cancel(_ timer: TimerQueue.ID) { self.client.timers.cancel(timer) }

  func joined(_ contention: Contention<KeyQueueBackend>) {
    guard let error = self.client.keeper.closed else { return }
    contention.handle(.closed(LockFailure(LockError(self.name, error))))
  }

  func unreachable(_ silence: Silence?, waited: Duration) -> LockError? {
    guard silence != nil || self.client.isSilent else { return nil }
    let trouble = self.client.transactions.trouble ?? self.client.keeper.reasonOfAbsence
    let message =
      if let trouble, trouble.isTransient {
        "\(self.backend.instance) refused all requests of the wait for a reason that can pass; see the servers' words"
      } else {
        """
        \(self.backend.instance) did not answer within the wait; \
        check the endpoints, and that a majority of the members runs, or wait longer
        """
      }
    return LockError(
      .unreachable,
      name: self.name,
      message: message,
      wait: LockError.Wait(waited: waited),
      underlying: trouble
    )
  }

  func perform(_ jobs: [Job], for contention: Contention<KeyQueueBackend>) {
    // Those of one event go together: a delete, and behind it the next attempt to enter.
    var transactions: [TransactionQueue.Entry] = []
    for job in jobs {
      switch job {
      case .send(let request, let session): contention.send(request, session, &transactions)
      case .giveUpLater(let watch): contention.giveUpLater(watch)
      case .removeLateWatch(let watch): self.client.timers.cancel(watch)
      }
    }
    if !transactions.isEmpty { self.client.transactions.submit(transactions) }
  }

  /// Asks the servers whether a key of ours still stands. The deadline itself moves with the session's heartbeats alone: an answer
  /// to a read proves nothing about the session. Ends with the lease, or when the task is cancelled.
  func extend(_ lease: ClaimLease, of contention: Contention<KeyQueueBackend>) async throws(LockError) {
    let node = lease.node
    let answer = OneShot<Result<Bool, EtcdError>>()
    let handler = lease.onEnding(of: lease.grant) { _ in answer.resolve(.failure(.sessionOver)) }
    contention.look(for: node) { answer.resolve($0) }
    let result = await answer.wait(cancelled: .failure(EtcdError(.cancelled, "the call was cancelled")))
    if let handler { lease.removeEndingHandler(handler, of: lease.grant) }
    switch result {
    case .success(true): return
    case .success(false): contention.handle(.ownGone(node))
    case .failure(let error) where error.code == .cancelled: throw .cancelled(self.name)
    case .failure(let error) where error.code == .leaseNotFound: lease.lose(because: "its session is over")
    case .failure(let error): throw LockError(self.name, error)
    }
  }
}

extension KeyQueueBackend.Local {
  /// Notes that a watch is of no use for now.
  ///
  /// - Returns: The watch, if it was in use.
  fileprivate mutating func park(_ which: WritableKeyPath<Self, KeyWatch?>) -> KeyWatch? {
    guard var watch = self[keyPath: which], watch.parking == nil else { return nil }
    watch.parking = self.nextParking
    self.nextParking += 1
    self[keyPath: which] = watch
    return watch
  }
}

extension Contention where Backend == KeyQueueBackend {
  func observe(_ event: EtcdSessionEvent) {
    switch event {
    case .began(let session):
      self.handle { _, local in
        local.session = session
        return .sessionBegan(session.generation)
      }
    case .ended(let session):
      self.handle(.sessionEnded(session.generation))
      self.withLocal { _, local in if local.session === session { local.session = nil } }
    case .closed(let error): self.handle(.closed(LockFailure(LockError(self.name, error))))
    }
  }
}
#endif

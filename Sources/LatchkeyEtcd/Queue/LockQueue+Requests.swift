#if Etcd
internal import EtcdAPI
internal import Latchkey
internal import Logging

extension LockQueue {
  private typealias Entry = TransactionQueue.Entry

  /// Does what the machine asks for; the outcome comes back as an event. Transactions are left to the caller to send.
  func request(_ action: QueueAction, _ session: EtcdSession?, _ transactions: inout [TransactionQueue.Entry]) {
    switch action {
    case .enter(let attempt, let generation, let slot, let onlyIfEmpty):
      guard let session, session.generation == generation else {
        return self.handle(.entered(attempt: attempt, .failure(.sessionOver), inDoubt: nil))
      }
      transactions.append(self.enter(attempt, slot, session, onlyIfEmpty: onlyIfEmpty))
    case .check(let attempt, let node):
      transactions.append(
        self.check(node) { result in self.handle(.checked(attempt: attempt, self.reduced(result))) }
      )
    case .confirm(let node):
      self.look(for: node) { result in
        if case .success(let exists) = result { self.handle(.confirmed(node, exists: exists)) }
      }
    case .watchPredecessor(let attempt, let key, let revision): self.watchPredecessor(attempt, key, asOf: revision)
    case .watchOwn(let attempt, let node, let revision): self.watchOwn(node, asOf: revision, attempt: attempt)
    case .watchOwnLater(let node): self.watchOwnLater(node)
    case .delete(let node): transactions.append(self.delete(node))
    case .grant, .lose, .answerImpatient, .fail, .releaseSettled, .forgetWatches:
      preconditionFailure("settled under the lock")
    }
  }

  // MARK: Entering

  private func enter(_ attempt: UInt64, _ slot: UInt64, _ session: EtcdSession, onlyIfEmpty: Bool) -> Entry {
    let key = LockKeys.own(self.prefix, lease: session.lease, owner: self.owner, slot: slot)
    let isNew = EtcdCompare.created(key, at: 0)
    let request = EtcdTxnRequest(
      if: onlyIfEmpty ? [isNew, .noKey(withPrefix: self.prefix)] : [isNew],
      // Newest first: ours, and the one before.
      then: [.put(key, self.value, lease: session.lease), .range(.prefix(self.prefix, .newest, limit: 2))],
      else: [.range(.key(key)), .range(.prefix(self.prefix, .oldest, limit: 1, withValue: true))]
    )
    return Entry(request: request, session: session.generation, creates: self.prefix, onDelay: {}) {
      answer,
      isDoubtful in
      let done = { @Sendable (result: Result<QueueEntry, EtcdError>) in
        if case .failure(let error) = result, error.code == .leaseNotFound { self.client.keeper.leaseGone(session) }
        let node = QueueNode(key: key, slot: slot, revision: QueueNode.anyRevision, session: session.generation)
        self.handle(.entered(attempt: attempt, self.reduced(result), inDoubt: isDoubtful ? node : nil))
      }
      switch answer {
      case .failure(let error): done(.failure(error))
      case .success(let response):
        let retry = { @Sendable in
          self.client.transactions.submit([self.enter(attempt, slot, session, onlyIfEmpty: false)])
        }
        self.entered(key, slot, session, response, retry: retry, done)
      }
    }
  }

  private func entered(
    _ key: [UInt8],
    _ slot: UInt64,
    _ session: EtcdSession,
    _ response: EtcdTxnResponse,
    retry: @escaping @Sendable () -> Void,
    _ done: @escaping @Sendable (Result<QueueEntry, EtcdError>) -> Void
  ) {
    let own = response.read(response.succeeded ? 1 : 0).kvs.first { $0.keyBytes == key }
    let others = response.read(1).kvs.filter { $0.keyBytes != key }.map(\.keyBytes)
    guard let own else {
      // Somebody was there, unless all that was there contends for another lock, whose name begins with ours.
      let first = response.read(1).kvs.first
      guard let first, LockKeys.isContender(first.keyBytes, prefix: self.prefix) else {
        return self.list(session) { result in
          switch result {
          case .success((let contenders, _)) where contenders.isEmpty: retry()
          case .success((let contenders, _)): done(.success(.busy(QueueView(ahead: contenders.count))))
          case .failure(let error): done(.failure(error))
          }
        }
      }
      return done(.success(.busy(QueueView(ahead: Int(response.read(1).count), holder: Self.description(of: first)))))
    }
    let node = QueueNode(key: key, slot: slot, revision: own.createRevision, session: session.generation)
    guard response.succeeded, others.allSatisfy({ LockKeys.isContender($0, prefix: self.prefix) }) else {
      // It was created by an earlier request, and others may have come since; or nested names are in the way.
      let check = self.check(node) { result in
        done(
          result.map { check in
            switch check {
            case .standing(let view): .entered(node, view)
            case .gone: .gone
            }
          }
        )
      }
      return self.client.transactions.submit([check])
    }
    let count = Int(response.read(1).count)
    let view = QueueView(
      predecessor: others.first,
      isNext: count == 2,
      ahead: others.isEmpty ? 0 : count - 1,
      revision: node.revision
    )
    done(.success(.entered(node, view)))
  }

  // MARK: Reading

  /// How many of those before us a read of our place tells: enough to say the place in all but the longest queues.
  private static let placesRead: Int64 = 100

  /// Reads where our key stands, from what the member in use has of the store: it need not ask the others.
  ///
  /// That may be old, and is right all the same: once our key stands, nobody comes before it any more, and who was there and
  /// is gone stays gone. Only what we have been told of already it must contain: otherwise a key whose deletion woke us would
  /// still be there. Then the leader is asked.
  private func check(
    _ node: QueueNode,
    isLocal: Bool = true,
    _ done: @escaping @Sendable (Result<QueueCheck, EtcdError>) -> Void
  ) -> Entry {
    let known = max(node.revision, self.client.watches.newestRevision)
    let request = EtcdTxnRequest(
      then: [
        .range(.key(node.key)),
        .range(.prefix(self.prefix, .newest, limit: Self.placesRead, createdBefore: node.revision)),
        .range(.prefix(self.prefix, .oldest, limit: 1, withValue: true)),
      ].map { isLocal ? $0.local : $0 }
    )
    return Entry(request: request, session: node.session, creates: nil, onDelay: {}) { answer, _ in
      switch answer {
      case .failure(let error): done(.failure(error))
      case .success(let response):
        let revision = response.read(0).header.revision
        guard !isLocal || revision >= known else {
          return self.client.transactions.submit([self.check(node, isLocal: false, done)])
        }
        guard response.read(0).kvs.first?.createRevision == node.revision else { return done(.success(.gone)) }
        guard let predecessor = response.read(1).kvs.first else {
          return done(.success(.standing(QueueView(revision: revision))))
        }
        guard
          let first = response.read(2).kvs.first,
          [predecessor, first].allSatisfy({ LockKeys.isContender($0.keyBytes, prefix: self.prefix) })
        else { return self.checkAmongNested(node, done) }
        let isNext = first.key == predecessor.key
        let view = QueueView(
          predecessor: predecessor.keyBytes,
          isNext: isNext,
          // The servers do not count what they leave out.
          ahead: response.read(1).more ? nil : self.contenders(response.read(1)).count,
          holder: Self.description(of: first),
          revision: revision
        )
        done(.success(.standing(view)))
      }
    }
  }

  /// The same by a list of everything below the prefix: names of other locks begin with ours.
  private func checkAmongNested(_ node: QueueNode, _ done: @escaping @Sendable (Result<QueueCheck, EtcdError>) -> Void)
  {
    guard let session = self.state.withLock({ $0.session }), session.generation == node.session else {
      return done(.failure(.sessionOver))
    }
    self.list(session) { result in
      done(
        result.map { contenders, revision in
          guard let index = contenders.firstIndex(where: { $0.key == node.key }) else { return .gone }
          let predecessor = index > 0 ? contenders[index - 1].key : nil
          return .standing(
            QueueView(predecessor: predecessor, isNext: index == 1, ahead: index, revision: revision)
          )
        }
      )
    }
  }

  /// All contenders, oldest first, and the revision of the store.
  private func list(
    _ session: EtcdSession,
    _ done: @escaping @Sendable (Result<([QueueNode], Int64), EtcdError>) -> Void
  ) {
    let request = EtcdTxnRequest(then: [.range(.prefix(self.prefix, .oldest))])
    let entry = Entry(request: request, session: session.generation, creates: nil, onDelay: {}) { answer, _ in
      done(
        answer.map { response in
          let read = response.read(0)
          let contenders = self.contenders(read).map {
            QueueNode(key: $0.keyBytes, slot: 0, revision: $0.createRevision, session: 0)
          }
          return (contenders, read.header.revision)
        }
      )
    }
    self.client.transactions.submit([entry])
  }

  private func contenders(_ read: EtcdRangeResponse) -> [EtcdKeyValue] {
    read.kvs.filter { LockKeys.isContender($0.keyBytes, prefix: self.prefix) }
  }

  /// Whether a key of ours stands.
  func look(for node: QueueNode, _ done: @escaping @Sendable (Result<Bool, EtcdError>) -> Void) {
    let request = EtcdTxnRequest(then: [.range(.key(node.key))])
    let entry = Entry(request: request, session: node.session, creates: nil, onDelay: {}) { answer, _ in
      done(answer.map { $0.read(0).kvs.first?.createRevision == node.revision })
    }
    self.client.transactions.submit([entry])
  }

  // MARK: Deleting

  private func delete(_ node: QueueNode) -> Entry {
    let isGuarded = node.revision != QueueNode.anyRevision
    let request = EtcdTxnRequest(
      if: isGuarded ? [.created(node.key, at: node.revision)] : [],
      then: [.delete(node.key)]
    )
    return Entry(
      request: request,
      session: node.session,
      creates: nil,
      onDelay: { self.handle(.deleteDelayed(node)) }
    ) { answer, _ in
      var isGone = true
      if case .failure(let error) = answer, error.code != .leaseNotFound, error.code != .closed {
        isGone = false
        self.client.logger.warning(
          "a lock's key could not be deleted; it stands in the way until the session ends",
          metadata: .lock(self.name, self.backend)
            .and(["etcd.key": "\(LockKeys.text(node.key))", "error": "\(error)"])
        )
      }
      self.handle(.deleted(node, isGone: isGone))
    }
  }

  // MARK: Results

  func reduced<Value>(_ result: Result<Value, EtcdError>) -> Result<Value, QueueFailure> {
    result.mapError { error in
      switch error.code {
      case .leaseNotFound, .closed: .sessionOver
      default: .permanent(self.state.withLock { $0.keep(LockError(self.name, error)) })
      }
    }
  }

  /// Who holds a key: what it says, if it is one of ours, and its name, which tells the lease.
  private static func description(of contender: EtcdKeyValue) -> String {
    let key = LockKeys.text(contender.keyBytes)
    return contender.text.hasPrefix("host=") ? "\(contender.text), key \(key)" : "key \(key)"
  }
}
#endif

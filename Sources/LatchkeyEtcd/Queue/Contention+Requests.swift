#if Etcd
internal import EtcdAPI
internal import Latchkey
internal import LatchkeyPrimitives
internal import Logging

extension Contention where Backend == KeyQueueBackend {
  private typealias Entry = TransactionQueue.Entry

  /// Does what the machine asks for; the outcome comes back as an event. Transactions are left to the caller to send.
  func send(_ request: KeyQueueRequest, _ session: EtcdSession?, _ transactions: inout [TransactionQueue.Entry]) {
    switch request {
    case .enter(let attempt, let generation, let slot, let onlyIfEmpty):
      guard let session, session.generation == generation else {
        return self.handle(.entered(attempt: attempt, .failure(.sessionOver), node: nil, copies: 0))
      }
      transactions.append(self.enter(attempt, slot, session, onlyIfEmpty: onlyIfEmpty))
    case .check(let attempt, let node):
      transactions.append(
        self.check(node) { result in
          self.handle(.checked(attempt: attempt, result.mapError { self.failure($0) }))
        }
      )
    case .confirm(let node):
      self.look(for: node) { result in
        if case .success(let exists) = result { self.handle(.confirmed(node, exists: exists)) }
      }
    case .watchPredecessor(let attempt, let key, let revision): self.watchPredecessor(attempt, key, asOf: revision)
    case .watchOwn(let attempt, let node, let revision): self.watchOwn(node, asOf: revision, attempt: attempt)
    case .watchOwnLater(let node): self.watchOwnLater(node)
    case .delete(let node): transactions.append(self.delete(node))
    case .forgetWatches: preconditionFailure("done under the lock")
    }
  }

  // MARK: Entering

  private func enter(_ attempt: UInt64, _ slot: UInt64, _ session: EtcdSession, onlyIfEmpty: Bool) -> Entry {
    let key = LockKeys.own(self.shell.prefix, lease: session.lease, owner: self.shell.owner, slot: slot)
    let isNew = EtcdCompare.created(key, at: 0)
    let request = EtcdTxnRequest(
      if: onlyIfEmpty ? [isNew, .noKey(withPrefix: self.shell.prefix)] : [isNew],
      // Newest first: ours, and the one before.
      then: [
        .put(key, self.shell.value, lease: session.lease),
        .range(.prefix(self.shell.prefix, .newest, limit: 2, withValue: true)),
      ],
      else: [.range(.key(key)), .range(.prefix(self.shell.prefix, .oldest, limit: 1, withValue: true))]
    )
    var entry = Entry(request, .creates, below: self.shell.prefix, session: session.generation) { reply in
      self.answered(attempt, key, slot, session, reply) {
        self.shell.client.transactions.submit([self.enter(attempt, slot, session, onlyIfEmpty: false)])
      }
    }
    entry.isWanted = { self.withLocal { machine, _ in machine.attempt?.number == attempt } }
    return entry
  }

  /// - Parameter retry: Enters the queue even if it is not empty.
  private func answered(
    _ attempt: UInt64,
    _ key: [UInt8],
    _ slot: UInt64,
    _ session: EtcdSession,
    _ reply: TransactionQueue.Reply,
    retry: @escaping @Sendable () -> Void
  ) {
    let unknown = KeyQueueNode(key: key, slot: slot, revision: KeyQueueNode.anyRevision, session: session.generation)
    let done = { @Sendable (result: Result<KeyQueueEntry, KeyQueueFailure>, node: KeyQueueNode?, copies: Int) in
      self.handle(.entered(attempt: attempt, result, node: node ?? unknown, copies: copies))
    }
    let response: EtcdTxnResponse
    switch reply.result {
    case .success(let success): response = success
    case .failure(let error):
      if error.code == .leaseNotFound { self.shell.client.keeper.leaseGone(session) }
      return done(.failure(self.failure(error)), nil, reply.copies)
    }
    guard let revision = Self.revision(of: key, in: response) else {
      return self.refused(session, response, retry: retry) { result in
        done(result.mapError { self.failure($0) }, nil, reply.copies)
      }
    }
    let node = KeyQueueNode(key: key, slot: slot, revision: revision, session: session.generation)
    // One that found the key: an earlier copy has been carried out.
    let copies = reply.copies - (response.succeeded || reply.copies == 0 ? 0 : 1)
    let newest = response.read(1).kvs
    let others = newest.filter { $0.keyBytes != key }
    guard
      response.succeeded, others.count < newest.count,
      others.allSatisfy({ LockKeys.isContender($0.keyBytes, prefix: self.shell.prefix) })
    else {
      // It was created by an earlier request, and others may have come since; or nested names are in the way.
      let check = self.check(node) { result in
        switch result {
        case .success(.standing(let view)): done(.success(.entered(node, view)), node, copies)
        case .success(.gone): done(.success(.gone), node, copies)
        case .failure(let error):
          // Whatever the error: the key was seen.
          let failure = self.failure(error)
          if case .rejected(let error) = failure { return done(.failure(.failed(error)), node, copies) }
          done(.failure(failure), node, copies)
        }
      }
      return self.shell.client.transactions.submit([check])
    }
    let count = Int(response.read(1).count)
    let view = KeyQueueView(
      predecessor: others.first?.keyBytes,
      isNext: count == 2,
      ahead: others.isEmpty ? 0 : count - 1,
      // With more before us, the next look at our place reads who holds it.
      holder: count == 2 ? others.first.map(Self.description) : nil,
      revision: reply.date(node.revision)
    )
    done(.success(.entered(node, view)), node, copies)
  }

  /// The revision at which our key was created, by this request or an earlier one; nil if it was not.
  private static func revision(of key: [UInt8], in response: EtcdTxnResponse) -> Int64? {
    let read = response.read(response.succeeded ? 1 : 0)
    if let own = read.kvs.first(where: { $0.keyBytes == key }) { return own.createRevision }
    // Among the newest below the prefix there may be keys of nested names that were created at the same revision.
    guard response.succeeded, let put = response.responses.first?.responsePut.header.revision, put > 0 else {
      return nil
    }
    return put
  }

  /// Nothing was written, since the queue was not empty: by what the attempt read, or because of keys of nested names.
  private func refused(
    _ session: EtcdSession,
    _ response: EtcdTxnResponse,
    retry: @escaping @Sendable () -> Void,
    _ done: @escaping @Sendable (Result<KeyQueueEntry, EtcdError>) -> Void
  ) {
    let first = response.read(1).kvs.first
    guard let first, LockKeys.isContender(first.keyBytes, prefix: self.shell.prefix) else {
      return self.list(session) { result in
        switch result {
        case .success((let contenders, _)) where contenders.isEmpty: retry()
        case .success((let contenders, _)): done(.success(.busy(KeyQueueView(ahead: contenders.count))))
        case .failure(let error): done(.failure(error))
        }
      }
    }
    done(.success(.busy(KeyQueueView(ahead: Int(response.read(1).count), holder: Self.description(of: first)))))
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
    _ node: KeyQueueNode,
    isLocal: Bool = true,
    _ done: @escaping @Sendable (Result<KeyQueueCheck, EtcdError>) -> Void
  ) -> Entry {
    let known = max(node.revision, self.shell.client.watches.newestRevision)
    let request = EtcdTxnRequest(
      then: [
        .range(.key(node.key)),
        .range(.prefix(self.shell.prefix, .newest, limit: Self.placesRead, createdBefore: node.revision)),
        .range(.prefix(self.shell.prefix, .oldest, limit: 1, withValue: true)),
      ].map { isLocal ? $0.local : $0 }
    )
    return Entry(request, .reads, below: self.shell.prefix, session: node.session) { reply in
      switch reply.result {
      case .failure(let error): done(.failure(error))
      case .success(let response):
        let read = response.read(0).header.revision
        let revision = reply.date(read)
        guard !isLocal || read >= known else {
          return self.shell.client.transactions.submit([self.check(node, isLocal: false, done)])
        }
        guard response.read(0).kvs.first?.createRevision == node.revision else { return done(.success(.gone)) }
        guard let predecessor = response.read(1).kvs.first else {
          return done(.success(.standing(KeyQueueView(revision: revision))))
        }
        guard
          let first = response.read(2).kvs.first,
          [predecessor, first].allSatisfy({ LockKeys.isContender($0.keyBytes, prefix: self.shell.prefix) })
        else { return self.checkAmongNested(node, done) }
        let isNext = first.key == predecessor.key
        let view = KeyQueueView(
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
  private func checkAmongNested(
    _ node: KeyQueueNode,
    _ done: @escaping @Sendable (Result<KeyQueueCheck, EtcdError>) -> Void
  ) {
    guard let session = self.withLocal({ $1.session }), session.generation == node.session else {
      return done(.failure(.sessionOver))
    }
    self.list(session) { result in
      done(
        result.map { contenders, revision in
          guard let index = contenders.firstIndex(where: { $0.key == node.key }) else { return .gone }
          let predecessor = index > 0 ? contenders[index - 1].key : nil
          return .standing(
            KeyQueueView(predecessor: predecessor, isNext: index == 1, ahead: index, revision: revision)
          )
        }
      )
    }
  }

  /// All contenders, oldest first, and the revision of the store.
  private func list(
    _ session: EtcdSession,
    _ done: @escaping @Sendable (Result<([KeyQueueNode], Int64), EtcdError>) -> Void
  ) {
    let request = EtcdTxnRequest(then: [.range(.prefix(self.shell.prefix, .oldest))])
    let entry = Entry(request, .reads, below: self.shell.prefix, session: session.generation) { reply in
      done(
        reply.result.map { response in
          let read = response.read(0)
          let contenders = self.contenders(read).map {
            KeyQueueNode(key: $0.keyBytes, slot: 0, revision: $0.createRevision, session: 0)
          }
          return (contenders, reply.date(read.header.revision))
        }
      )
    }
    self.shell.client.transactions.submit([entry])
  }

  private func contenders(_ read: EtcdRangeResponse) -> [EtcdKeyValue] {
    read.kvs.filter { LockKeys.isContender($0.keyBytes, prefix: self.shell.prefix) }
  }

  /// Whether a key of ours stands.
  func look(for node: KeyQueueNode, _ done: @escaping @Sendable (Result<Bool, EtcdError>) -> Void) {
    let request = EtcdTxnRequest(then: [.range(.key(node.key))])
    let entry = Entry(request, .reads, below: self.shell.prefix, session: node.session) { reply in
      done(reply.result.map { $0.read(0).kvs.first?.createRevision == node.revision })
    }
    self.shell.client.transactions.submit([entry])
  }

  // MARK: Deleting

  private func delete(_ node: KeyQueueNode) -> Entry {
    let isGuarded = node.revision != KeyQueueNode.anyRevision
    let request = EtcdTxnRequest(
      if: isGuarded ? [.created(node.key, at: node.revision)] : [],
      then: [.delete(node.key)]
    )
    var entry = Entry(request, .deletes, below: self.shell.prefix, session: node.session) { reply in
      switch reply.result {
      case .success(let response):
        let wasThere = response.responses.first.map { $0.responseDeleteRange.deleted > 0 } ?? false
        // A first answer that finds nothing to delete is a loss; what was sent before may have been carried out.
        let outcome = response.succeeded || reply.copies > 0 ? nil : self.goneBeforeRelease
        self.handle(.deleted(node, isGone: true, wasThere: wasThere), settling: node, as: outcome)
      case .failure(let error) where error.code == .leaseNotFound || error.code == .closed:
        self.handle(.deleted(node, isGone: true, wasThere: false))
      case .failure(let error):
        self.shell.client.logger.warning(
          "a lock's key could not be deleted; it stands in the way until the session ends",
          metadata: .lock(self.name, self.backend)
            .and(["etcd.key": "\(LockKeys.text(node.key))", "error": "\(error)"])
        )
        let outcome: ReleaseOutcome = .success(PendingRelease(reason: "\(error)"))
        self.handle(.deleted(node, isGone: false, wasThere: false), settling: node, as: outcome)
      }
    }
    entry.onDelay = { self.handle(.deleteDelayed(node)) }
    return entry
  }

  // MARK: Results

  /// What the first answer to a delete means that finds nothing to delete.
  private var goneBeforeRelease: ReleaseOutcome {
    .failure(
      .lost(
        self.name,
        because: "its key was gone when it was released: deleted by hand, or by a server that revoked its lease"
      )
    )
  }

  func failure(_ error: EtcdError) -> KeyQueueFailure {
    switch error.code {
    case .leaseNotFound, .closed: return .sessionOver
    default:
      let failure = LockFailure(LockError(self.name, error))
      return error.provesRejection || error.isUnsent ? .rejected(failure) : .failed(failure)
    }
  }

  /// Who holds a key: what it says, if it is one of ours, else its name, which contains the lease. A key without a lease blocks the
  /// lock until somebody deletes it.
  private static func description(of contender: EtcdKeyValue) -> String {
    let key = "key \(LockKeys.text(contender.keyBytes))"
    let caveat = contender.lease == 0 ? " without a lease, which stays until somebody deletes it" : ""
    return ContenderDescription.name(note: contender.text, identity: key + caveat)
  }
}
#endif

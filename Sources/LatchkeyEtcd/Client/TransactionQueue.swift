#if Etcd
internal import EtcdAPI
internal import Latchkey
internal import LatchkeyEventLoop
internal import NIOCore

/// Sends the transactions of a client, each until its fate is known.
///
/// Every transaction here is safe to send again (it creates a key only if there is none, and deletes only the one it means), so one
/// that got no answer is sent again until it is answered or its session is over. And while some are on their way, those that
/// come after are collected and go out as one: a transaction whose operations are transactions. That costs the server one
/// proposal and both sides one call, whatever the number.
final class TransactionQueue: Sendable {
  typealias Answer = Result<EtcdTxnResponse, EtcdError>

  struct Entry: Sendable {
    let request: EtcdTxnRequest
    /// The session without which the transaction is pointless; nil if it serves none.
    let session: UInt64?
    /// The prefix in which a key is created. All that one transaction writes has one revision, and the order in a prefix
    /// is that of revisions: two keys of one prefix never go together.
    let creates: [UInt8]?
    /// Called once when the first attempt got no answer.
    let onDelay: @Sendable () -> Void
    /// Told the answer, and whether the transaction was sent more than once: then a copy of it may still be on its way.
    let onAnswer: @Sendable (_ answer: Answer, _ isDoubtful: Bool) -> Void
    var hasBeenSent = false
    /// It goes by itself: as part of several it was refused, and it is not known for whose fault.
    var isAlone = false
  }

  private struct State {
    var waiting: [Entry] = []
    var isFlying = false
    var endedSessions: Set<UInt64> = []
    /// Attempts in a row that got no answer.
    var failures = 0
    var closed: EtcdError?
  }

  private let connections: EtcdConnections
  private let timeout: Duration
  private let maximumBatch: Int
  private let state = Locked(State())

  /// - Parameters:
  ///   - connections: Where to send them.
  ///   - timeout: How long one attempt waits for its answer.
  ///   - hasIdentity: Whether the servers may know us as a user. Servers (3.4.23 at least) check the permissions of the
  ///     operations of a transaction, but not of those inside an inner one: then each goes by itself, so that nobody gets a
  ///     lock that is not allowed to them.
  init(connections: EtcdConnections, timeout: Duration, hasIdentity: Bool) {
    self.connections = connections
    self.timeout = timeout
    // The servers take at most 128 operations in one transaction, counting along each path into inner ones.
    self.maximumBatch = hasIdentity ? 1 : 64
  }

  /// Whether the last attempt got no answer.
  var isStalled: Bool { self.state.withLock { $0.failures > 0 } }

  /// Sends transactions, at once if none is on its way; those that are given together go together, and in this order.
  ///
  /// One is on its way at a time, which also keeps the order among those of one lock.
  func submit(_ entries: [Entry]) {
    let (refused, starts) = self.state.withLock { state -> ([(Entry, EtcdError)], Bool) in
      var refused: [(Entry, EtcdError)] = []
      for entry in entries {
        if let error = state.closed {
          refused.append((entry, error))
        } else if let session = entry.session, state.endedSessions.contains(session) {
          refused.append((entry, .sessionOver))
        } else {
          state.waiting.append(entry)
        }
      }
      guard !state.isFlying, !state.waiting.isEmpty else { return (refused, false) }
      state.isFlying = true
      return (refused, true)
    }
    if starts { Task.detached(executorPreference: self.connections.executor) { await self.fly() } }
    for (entry, error) in refused { entry.onAnswer(.failure(error), false) }
  }

  /// Answers what waits for a session that is over; what is on its way is answered when its attempt has ended.
  func endSession(_ session: UInt64) {
    let over = self.state.withLock { state -> [Entry] in
      state.endedSessions.insert(session)
      let over = state.waiting.filter { $0.session == session }
      state.waiting.removeAll { $0.session == session }
      return over
    }
    for entry in over { entry.onAnswer(.failure(.sessionOver), entry.hasBeenSent) }
  }

  func close() {
    let waiting = self.state.withLock { state -> [Entry] in
      state.closed = .closed
      defer { state.waiting = [] }
      return state.waiting
    }
    for entry in waiting { entry.onAnswer(.failure(.closed), entry.hasBeenSent) }
  }

  // MARK: Flights

  private func fly() async {
    while true {
      let batch = self.state.withLock { state in
        let batch = self.takeBatch(&state)
        if batch.isEmpty { state.isFlying = false }
        return batch
      }
      guard !batch.isEmpty else { return }
      await self.send(batch)
    }
  }

  private func takeBatch(_ state: inout State) -> [Entry] {
    var batch: [Entry] = []
    var prefixes: Set<[UInt8]> = []
    var rest: [Entry] = []
    for (index, entry) in state.waiting.enumerated() {
      if batch.count == self.maximumBatch || batch.first?.isAlone == true {
        rest += state.waiting[index...]
        break
      }
      let isTogether = batch.isEmpty || !entry.isAlone
      if isTogether, entry.creates.map({ prefixes.insert($0).inserted }) ?? true {
        batch.append(entry)
      } else {
        rest.append(entry)
      }
    }
    state.waiting = rest
    return batch
  }

  private func send(_ batch: [Entry]) async {
    do throws(EtcdError) {
      let response = try await self.connections.call(EtcdMethods.txn, Self.request(batch), timeout: self.timeout)
      self.state.withLock { $0.failures = 0 }
      guard batch.count > 1 else { return batch[0].onAnswer(.success(response), batch[0].hasBeenSent) }
      for (entry, operation) in zip(batch, response.responses) {
        entry.onAnswer(.success(operation.responseTxn), entry.hasBeenSent)
      }
    } catch {
      if error.isInDoubt {
        await self.retry(batch)
      } else if batch.count > 1 {
        // Something about one of them: each by itself.
        let again = batch.map { entry in
          var entry = entry
          entry.isAlone = true
          return entry
        }
        self.state.withLock { $0.waiting = again + $0.waiting }
      } else {
        batch[0].onAnswer(.failure(error), batch[0].hasBeenSent)
      }
    }
  }

  /// Puts those that are still wanted back to the front of the line, after a pause that grows.
  private func retry(_ batch: [Entry]) async {
    let failures = self.state.withLock { state in
      state.failures += 1
      return state.failures
    }
    for entry in batch where !entry.hasBeenSent { entry.onDelay() }
    // The first time at once: another member may answer.
    if failures > 1 {
      let pause = Duration.milliseconds(min(500, 5 << min(failures, 10)))
      try? await Task.sleep(for: pause)
    }
    let (over, error) = self.state.withLock { state -> ([Entry], EtcdError) in
      var again: [Entry] = []
      var over: [Entry] = []
      for var entry in batch {
        entry.hasBeenSent = true
        let isOver = state.closed != nil || entry.session.map { state.endedSessions.contains($0) } ?? false
        if isOver { over.append(entry) } else { again.append(entry) }
      }
      state.waiting = again + state.waiting
      return (over, state.closed ?? .sessionOver)
    }
    for entry in over { entry.onAnswer(.failure(error), true) }
  }

  private static func request(_ batch: [Entry]) -> EtcdTxnRequest {
    guard batch.count > 1 else { return batch[0].request }
    var request = EtcdTxnRequest()
    request.success = batch.map { entry in
      var operation = EtcdRequestOp()
      operation.requestTxn = entry.request
      return operation
    }
    return request
  }
}

extension EtcdError {
  static let sessionOver = EtcdError(.leaseNotFound, "the session is over")
}
#endif

#if Etcd
internal import EtcdAPI
internal import Latchkey
internal import LatchkeyNetwork
internal import LatchkeyPrimitives
internal import NIOCore

/// Sends the transactions of a client, each until its fate is known.
///
/// Every transaction here is safe to send again (it creates a key only if there is none, and deletes only the one it means), so
/// one that got no answer is sent again until it is answered or its session is over. What the servers refuse because of their
/// present state is sent again after a pause. Transactions that are submitted while others are on their way are collected and
/// go out as one, where the servers allow that: a transaction whose operations are transactions costs the server one
/// proposal and both sides one call, whatever the number.
final class TransactionQueue: Sendable {
  typealias Call = @Sendable (EtcdTxnRequest) async throws(EtcdError) -> EtcdTxnResponse

  /// What became of a transaction.
  struct Reply: Sendable {
    let result: Result<EtcdTxnResponse, EtcdError>
    /// How many copies of it may still be carried out: requests that got no answer.
    var copies = 0
    /// Whether keys below its prefix were deleted in the same request.
    var isSharedWithDeletes = false

    /// The revision as of which a read of the transaction can be relied on.
    ///
    /// Everything that was deleted in one request has one revision, also what was deleted after the read. That must
    /// count as news.
    func date(_ revision: Int64) -> Int64 { self.isSharedWithDeletes ? revision - 1 : revision }
  }

  struct Entry: ScheduledTransaction {
    let request: EtcdTxnRequest
    /// The session without which the transaction is pointless; nil if it serves none.
    let session: UInt64?
    let prefix: [UInt8]
    let kind: TransactionKind
    /// Whether the caller still wants it. If not, it is not sent again, unless a copy of it may be on its way.
    var isWanted: @Sendable () -> Bool = { true }
    /// Called once when the first attempt has failed.
    var onDelay: @Sendable () -> Void = {}
    /// Called once.
    let onReply: @Sendable (Reply) -> Void
    /// It is sent alone: a flight with others was refused, and the server does not say which of them is at fault.
    var isAlone = false
    fileprivate var isDelayed = false
    /// Attempts in a row that got no answer.
    fileprivate var attempts = 0
    /// Those of all attempts without an answer that left this process.
    fileprivate var copies = 0
    /// Attempts in a row that the servers refused because of their present state.
    fileprivate var refusals = 0

    init(
      _ request: EtcdTxnRequest,
      _ kind: TransactionKind,
      below prefix: [UInt8],
      session: UInt64?,
      onReply: @escaping @Sendable (Reply) -> Void
    ) {
      self.request = request
      self.kind = kind
      self.prefix = prefix
      self.session = session
      self.onReply = onReply
    }

    fileprivate func fail(_ error: EtcdError) { self.onReply(Reply(result: .failure(error), copies: self.copies)) }
  }

  private typealias Flight = TransactionSchedule<Entry>.Flight

  private struct State {
    var schedule: TransactionSchedule<Entry>
    /// Entries that the servers have refused for now, by the number of their pause.
    var pausing: [UInt64: [Entry]] = [:]
    var nextPause: UInt64 = 1
    /// Sessions are numbered in their order, and end in it.
    var newestEndedSession: UInt64 = 0
    /// Attempts in a row that got no answer.
    var failures = 0
    var trouble: EtcdError?
    var closed: EtcdError?

    /// Separates the entries whose session is over from the others.
    func split(_ entries: [Entry]) -> (live: [Entry], over: [(Entry, EtcdError)]) {
      var live: [Entry] = []
      var over: [(Entry, EtcdError)] = []
      for entry in entries {
        if let closed = self.closed {
          over.append((entry, closed))
        } else if let session = entry.session, session <= self.newestEndedSession {
          over.append((entry, .sessionOver))
        } else {
          live.append(entry)
        }
      }
      return (live, over)
    }
  }

  private let executor: any TaskExecutor
  private let call: Call
  private let state: Locked<State>

  /// - Parameters:
  ///   - connections: Where to send them.
  ///   - timeout: How long one attempt waits for its answer.
  ///   - hasIdentity: Whether the servers may know us as a user. Servers (3.4.23 at least) check the permissions of the
  ///     operations of a transaction, but not of those inside an inner one: then each goes by itself, so that nobody gets a
  ///     lock that is not allowed to them, and those of different locks go side by side.
  convenience init(connections: EtcdConnections, timeout: Duration, hasIdentity: Bool) {
    self.init(executor: connections.executor, hasIdentity: hasIdentity) { request throws(EtcdError) in
      try await connections.call(EtcdMethods.txn, request, timeout: timeout)
    }
  }

  /// - Parameter call: Sends one request and returns its answer.
  init(executor: any TaskExecutor, hasIdentity: Bool, call: @escaping Call) {
    self.executor = executor
    self.call = call
    // The servers take at most 128 operations in one transaction, counting along each path into inner ones.
    let schedule =
      hasIdentity
      ? TransactionSchedule<Entry>(largestFlight: 1, mostFlights: 16)
      : TransactionSchedule<Entry>(largestFlight: 64, mostFlights: 1)
    self.state = Locked(State(schedule: schedule))
  }

  /// Whether the last attempt got no answer.
  var isStalled: Bool { self.state.withLock { $0.failures > 0 } }

  /// Why the last attempt failed; nil if it did not.
  var trouble: EtcdError? { self.state.withLock { $0.trouble } }

  /// How many transactions wait for their turn to be sent.
  var waitingCount: Int { self.state.withLock { $0.schedule.waiting.count } }

  /// Sends transactions, at once where ``TransactionSchedule`` allows it. The order among those of one lock is kept, except that
  /// deletes come first.
  func submit(_ entries: [Entry]) {
    let over = self.state.withLock { state in
      let (live, over) = state.split(entries)
      for entry in live { state.schedule.add(entry) }
      return over
    }
    self.launch()
    for (entry, error) in over { entry.fail(error) }
  }

  /// Answers what waits for a session that is over; what is on its way is answered when its attempt has ended.
  func endSession(_ session: UInt64) {
    let over = self.state.withLock { state in
      state.newestEndedSession = max(state.newestEndedSession, session)
      return Self.removeIdle(&state) { $0.session == session }
    }
    for entry in over { entry.fail(.sessionOver) }
  }

  func close() {
    let over = self.state.withLock { state in
      state.closed = .closed
      return Self.removeIdle(&state) { _ in true }
    }
    for entry in over { entry.fail(.closed) }
  }

  /// Takes out entries that are not on their way.
  private static func removeIdle(_ state: inout State, where isMeant: (Entry) -> Bool) -> [Entry] {
    var removed = state.schedule.removeWaiting(where: isMeant)
    for (number, entries) in state.pausing {
      removed += entries.filter(isMeant)
      state.pausing[number] = entries.filter { !isMeant($0) }
    }
    return removed
  }

  // MARK: Flights

  /// Starts every flight that may start now.
  private func launch() {
    while let flight = self.state.withLock({ $0.schedule.takeOff() }) {
      Task.detached(executorPreference: self.executor) { await self.fly(flight) }
    }
  }

  private func fly(_ first: Flight) async {
    var next: Flight? = first
    while let flight = next {
      let again = await self.send(flight)
      let over = self.state.withLock { state in
        state.schedule.land(flight)
        let (wanted, over) = state.split(again)
        state.schedule.putBack(wanted)
        next = state.schedule.takeOff()
        return over
      }
      // Its end may have been what several others waited for.
      self.launch()
      for (entry, error) in over { entry.fail(error) }
    }
  }

  /// - Returns: What is to be sent again.
  private func send(_ flight: Flight) async -> [Entry] {
    let entries = flight.transactions
    do throws(EtcdError) {
      let response = try await self.call(Self.request(entries))
      self.state.withLock { state in
        state.failures = 0
        state.trouble = nil
      }
      let responses = entries.count > 1 ? response.responses.map(\.responseTxn) : [response]
      for (entry, response) in zip(entries, responses) {
        let isShared = entry.kind != .deletes && flight.deletes(below: entry.prefix)
        entry.onReply(Reply(result: .success(response), copies: entry.copies, isSharedWithDeletes: isShared))
      }
      return []
    } catch {
      if error.isInDoubt { return await self.retry(entries, error) }
      if error.isTransient { return self.pause(entries, error) }
      guard entries.count > 1 else {
        entries[0].fail(error)
        return []
      }
      // One of them is at fault: send each alone.
      return entries.map { entry in
        var entry = entry
        entry.isAlone = true
        return entry
      }
    }
  }

  /// The outcome of the entries is unknown: those that are still wanted are sent again, after a growing pause.
  private func retry(_ entries: [Entry], _ error: EtcdError) async -> [Entry] {
    self.state.withLock { state in
      state.failures += 1
      state.trouble = error
    }
    let entries = entries.map { entry in
      var entry = Self.delayed(entry)
      entry.attempts += 1
      // What never left this process cannot be carried out.
      if !error.isUnsent, !error.provesRejection { entry.copies += 1 }
      return entry
    }
    let attempts = entries.map(\.attempts).max() ?? 0
    // The first time at once: another member may answer.
    if attempts > 1 { try? await Task.sleep(for: Self.pause(attempts)) }
    // While a copy is on its way, only an answer shows what is left to clean up.
    return entries.filter { $0.copies > 0 || self.isWanted($0, else: error) }
  }

  /// The servers refuse the entries for now: they are sent again after a pause that grows, without holding up others.
  ///
  /// - Returns: What may be accepted without the rest, to be sent again at once: servers whose space is used up refuse to create
  ///   keys, and delete them all the same.
  private func pause(_ entries: [Entry], _ error: EtcdError) -> [Entry] {
    let creating = entries.filter { $0.kind == .creates }
    let others = entries.filter { $0.kind != .creates }
    let paused = (creating.isEmpty ? others : creating).map { entry in
      var entry = Self.delayed(entry)
      entry.attempts = 0
      entry.refusals += 1
      return entry
    }
    // Before the entries fail: their callers read the reason here.
    self.state.withLock { state in
      state.failures = 0
      state.trouble = error
    }
    let wanted = paused.filter { self.isWanted($0, else: error) }
    let refusals = paused.map(\.refusals).max() ?? 0
    let (number, over) = self.state.withLock { state in
      let (wanted, over) = state.split(wanted)
      let number = state.nextPause
      state.nextPause += 1
      state.pausing[number] = wanted
      return (number, over)
    }
    for (entry, error) in over { entry.fail(error) }
    Task.detached(executorPreference: self.executor) {
      try? await Task.sleep(for: Self.pause(refusals + 1))
      self.resume(number, after: error)
    }
    return creating.isEmpty ? [] : others
  }

  /// - Parameter error: Why they had to pause.
  private func resume(_ pause: UInt64, after error: EtcdError) {
    let entries = self.state.withLock { $0.pausing.removeValue(forKey: pause) ?? [] }
    let wanted = entries.filter { self.isWanted($0, else: error) }
    let over = self.state.withLock { state in
      let (wanted, over) = state.split(wanted)
      state.schedule.putBack(wanted)
      return over
    }
    self.launch()
    for (entry, error) in over { entry.fail(error) }
  }

  private static func pause(_ attempts: Int) -> Duration { .milliseconds(min(500, 5 << min(attempts, 10))) }

  private static func delayed(_ entry: Entry) -> Entry {
    guard !entry.isDelayed else { return entry }
    var entry = entry
    entry.isDelayed = true
    entry.onDelay()
    return entry
  }

  /// Whether an entry is still wanted; otherwise it ends here, with the error.
  private func isWanted(_ entry: Entry, else error: EtcdError) -> Bool {
    let isWanted = entry.isWanted()
    if !isWanted { entry.fail(error) }
    return isWanted
  }

  private static func request(_ entries: [Entry]) -> EtcdTxnRequest {
    guard entries.count > 1 else { return entries[0].request }
    var request = EtcdTxnRequest()
    request.success = entries.map { entry in
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

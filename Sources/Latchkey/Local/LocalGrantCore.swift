internal import LatchkeyPrimitives

/// One in-process lock that several may hold at once: what is held, and the line of those who wait.
///
/// Requests are granted in the order in which they came. Whoever comes while somebody waits gets into line, so nobody is overtaken;
/// whatever makes room, a release, a caller that gives up or a change of the rule, lets in from the head of the line whoever fits.
/// It is also the driver of all its leases.
final class LocalGrantCore<Rule: LocalGrantRule>: LocalLeaseDriver, WaitRoom {
  /// A grant, for the lease that is made of it.
  struct Grant: Sendable {
    let number: UInt64
    let token: FencingToken?
  }

  enum Answer: Sendable {
    case granted(Grant)
    /// With the number of callers that stood before in the line.
    case timedOut(ahead: Int)
    case cancelled
  }

  /// How a wait began.
  private enum Entry {
    case answered(Answer)
    case joined(ID)
  }

  typealias ID = WaitLine<Answer>.ID
  typealias EndingHandler = @Sendable (LeaseEnding) -> Void

  /// What one lease holds.
  struct Holding: Sendable {
    let request: Rule.Request
    let token: FencingToken?
    var endingHandlers = HandlerTable<EndingHandler>()
  }

  struct State: Sendable {
    var rule: Rule
    /// The number of the last grant.
    var last: UInt64
    var line = WaitLine<Answer>()
    var requests: [ID: Rule.Request] = [:]
    var holdings: [UInt64: Holding] = [:]
  }

  /// Somebody who has left the line with a grant, to be resumed after the lock.
  struct Served: Sendable {
    let departure: WaitLine<Answer>.Departure
    let answer: Answer
  }

  let name: LockName
  let backend: LockBackend
  let state: Locked<State>
  private let observer: LockObserver

  /// - Parameters:
  ///   - rule: Who may hold it together, with nothing held yet.
  ///   - kind: What this kind of lock is called.
  init(_ rule: Rule, name: LockName, kind: String, instance: String, observability: LockObservability) {
    self.name = name
    self.backend = LockBackend(kind: kind, instance: instance)
    self.observer = LockObserver(observability, kind: kind)
    self.state = Locked(State(rule: rule, last: LocalLocks.firstNumber()))
  }

  /// How many hold or wait.
  var callers: Int { self.state.withLock { $0.holdings.count + $0.line.count } }

  func tryAcquire(_ request: Rule.Request) -> Lease? {
    self.observer.of(Rule.kind(of: request)).tryAtOnce(self.name) { self.tryLease(request) }
  }

  func acquire(_ request: Rule.Request, within timeout: Duration?) async throws(LockError) -> Lease {
    try await self.observer.of(Rule.kind(of: request)).acquire(self.name, within: timeout) {
      () async throws(LockError) in
      if Task.isCancelled { throw .cancelled(self.name) }
      // What need not wait is done before the first suspension point.
      if let lease = self.tryLease(request) { return lease }
      return try await self.wait(for: request, within: timeout)
    }
  }

  private func tryLease(_ request: Rule.Request) -> Lease? {
    self.state.withLock { self.grantAtOnce(request, &$0) }.map(self.lease)
  }

  private func lease(_ grant: Grant) -> Lease { Lease(driver: self, grant: grant.number, token: grant.token) }

  private func wait(for request: Rule.Request, within timeout: Duration?) async throws(LockError) -> Lease {
    let start = ContinuousClock.now
    let entry = self.state.withLock { state -> Entry in
      if let grant = self.grantAtOnce(request, &state) { return .answered(.granted(grant)) }
      if let timeout, timeout <= .zero { return .answered(.timedOut(ahead: state.line.count)) }
      let id = state.line.join()
      state.requests[id] = request
      return .joined(id)
    }
    let answer: Answer
    switch entry {
    case .answered(let known): answer = known
    case .joined(let id):
      answer = await self.wait(
        at: id,
        until: timeout.map { start.advanced(by: $0) },
        late: Answer.timedOut(ahead:),
        cancelled: .cancelled
      )
    }
    switch answer {
    case .granted(let grant): return try await self.lease(grant).unlessCancelled()
    case .timedOut(let ahead):
      // At least one stands in the way, even if that one has left by now.
      let holders = max(1, self.state.withLock { $0.holdings.count })
      throw .timedOut(self.name, inProcessSince: start, place: ahead + holders)
    case .cancelled: throw .cancelled(self.name)
    }
  }

  func withLine<R: Sendable>(_ body: (inout WaitLine<Answer>) -> R) -> R {
    self.state.withLock { body(&$0.line) }
  }

  func gaveUp(_ id: ID) {
    self.serve { $0.requests[id] = nil }
  }

  // MARK: Under the lock

  private func grantAtOnce(_ request: Rule.Request, _ state: inout State) -> Grant? {
    guard state.next == nil, state.rule.admits(request) else { return nil }
    return self.grant(request, &state)
  }

  /// - Parameter token: The token, if it is not the number of the grant.
  func grant(_ request: Rule.Request, token: FencingToken? = nil, _ state: inout State) -> Grant {
    state.last += 1
    // Permits have none: of several holders that are lawful at once no number says which one is late.
    let token = Rule.permits(of: request) > 0 ? nil : token ?? FencingToken(major: state.last)
    state.rule.begin(request)
    state.holdings[state.last] = Holding(request: request, token: token)
    return Grant(number: state.last, token: token)
  }

  /// Ends a grant.
  ///
  /// - Returns: What is to be called after the lock.
  func end(_ grant: UInt64, _ state: inout State) -> [EndingHandler] {
    guard var holding = state.holdings.removeValue(forKey: grant) else {
      preconditionFailure("a lease that does not stand was released")
    }
    state.rule.end(holding.request)
    return holding.endingHandlers.removeAll()
  }

  /// Makes a change that may make room, and lets in whoever fits.
  func serve<R: Sendable>(_ change: (inout State) -> R) -> R {
    let (result, served) = self.state.withLock { state -> (R, [Served]) in
      let result = change(&state)
      var served: [Served] = []
      while let (id, request) = state.next, state.rule.admits(request) {
        state.requests[id] = nil
        let answer = Answer.granted(self.grant(request, &state))
        served.append(Served(departure: state.line.leave(id, with: answer), answer: answer))
      }
      return (result, served)
    }
    for one in served { one.departure.resume(with: one.answer) }
    return result
  }

  // MARK: LeaseDriver

  func token(of grant: UInt64) -> FencingToken? { self.state.withLock { $0.holdings[grant]?.token } }

  func permits(of grant: UInt64) -> Int {
    self.state.withLock { $0.holdings[grant].map { Rule.permits(of: $0.request) } ?? 0 }
  }

  func isHeld(_ grant: UInt64) -> Bool { self.state.withLock { $0.holdings[grant] != nil } }

  func onEnding(of grant: UInt64, _ handler: @escaping EndingHandler) -> UInt64? {
    let id = self.state.withLock { $0.holdings[grant]?.endingHandlers.add(handler) }
    if id == nil { handler(.released) }
    return id
  }

  func removeEndingHandler(_ id: UInt64, of grant: UInt64) {
    self.state.withLock { _ = $0.holdings[grant]?.endingHandlers.remove(id) }
  }

  func abandon(_ grant: UInt64) {
    let handlers = self.serve { self.end(grant, &$0) }
    for handler in handlers { handler(.released) }
  }
}

extension LocalGrantCore.State {
  /// The first in line, without those that could not even be served if nothing were held.
  var next: (id: LocalGrantCore<Rule>.ID, request: Rule.Request)? {
    mutating get {
      guard let head = self.line.head, let request = self.requests[head] else { return nil }
      if self.rule.canServe(request) { return (head, request) }
      let servable = self.line.first { id in self.requests[id].map(self.rule.canServe) == true }
      return servable.flatMap { id in self.requests[id].map { (id, $0) } }
    }
  }
}

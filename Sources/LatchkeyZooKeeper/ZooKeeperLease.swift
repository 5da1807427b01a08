internal import Latchkey
internal import ZooKeeper

/// One grant of a ZooKeeper lock: our node, and the term that proves the session behind it.
final class ZooKeeperLease: LeaseDriver {
  private struct State {
    var ending: LeaseEnding?
    var handlers: [UInt64: @Sendable (LeaseEnding) -> Void] = [:]
    var nextHandler: UInt64 = 1
    var termHandler: UInt64?
    var isReleased = false
  }

  let name: LockName
  let backend: LockBackend
  let node: QueueNode
  let grant: UInt64
  private let term: LeaseTerm
  private let queue: LockQueue
  private let state = Locked(State())

  init(queue: LockQueue, node: QueueNode, grant: UInt64, term: LeaseTerm) {
    self.name = queue.name
    self.backend = queue.backend
    self.queue = queue
    self.node = node
    self.grant = grant
    self.term = term
  }

  /// Begins to listen for the end of the term. Not done at construction, which happens under the queue's lock.
  func watchTerm() {
    let handler = self.term.onEnd { [weak self] end in self?.lose(because: end.reason) }
    guard let handler else { return }
    let isOver = self.state.withLock { state in
      state.termHandler = handler
      return state.ending != nil
    }
    if isOver { self.term.removeHandler(handler) }
  }

  /// The czxid as a number that grows with every grant, over deletion of the directory and change of leader.
  var token: FencingToken { FencingToken(major: UInt64(bitPattern: self.node.czxid)) }

  func makeLease() -> Lease { Lease(driver: self, grant: self.grant, token: self.token) }

  func lose(because reason: String) {
    self.finish(.lost(.lost(self.name, because: reason)))
  }

  /// - Returns: How the lease had ended before, if it had.
  @discardableResult
  private func finish(_ ending: LeaseEnding) -> LeaseEnding? {
    let (before, handlers, termHandler) = self.state.withLock { state in
      let before = state.ending
      guard before == nil else { return (before, [@Sendable (LeaseEnding) -> Void](), UInt64?.none) }
      state.ending = ending
      defer { state.handlers = [:] }
      return (before, Array(state.handlers.values), state.termHandler)
    }
    if let termHandler { self.term.removeHandler(termHandler) }
    for handler in handlers { handler(ending) }
    return before
  }

  // MARK: LeaseDriver

  func deadline(of grant: UInt64) -> ContinuousClock.Instant? { self.term.deadline }

  func isHeld(_ grant: UInt64) -> Bool {
    self.state.withLock { $0.ending == nil } && self.term.isLive
  }

  func isReleased(_ grant: UInt64) -> Bool { self.state.withLock { $0.isReleased } }

  func onEnding(of grant: UInt64, _ handler: @escaping @Sendable (LeaseEnding) -> Void) -> UInt64? {
    // An answer of false from the clock also tells the term's handlers, this lease among them.
    _ = self.term.isLive
    enum Outcome {
      case registered(UInt64)
      case over(LeaseEnding)
    }
    let outcome = self.state.withLock { state -> Outcome in
      if let ending = state.ending { return .over(ending) }
      defer { state.nextHandler += 1 }
      state.handlers[state.nextHandler] = handler
      return .registered(state.nextHandler)
    }
    switch outcome {
    case .registered(let id): return id
    case .over(let ending):
      handler(ending)
      return nil
    }
  }

  func removeEndingHandler(_ id: UInt64, of grant: UInt64) {
    self.state.withLock { state in _ = state.handlers.removeValue(forKey: id) }
  }

  /// Asks the server whether our node still stands. The deadline itself moves with the session's heartbeats alone: an answer
  /// to a read proves nothing about the session.
  func extend(_ grant: UInt64) async throws(LockError) {
    try self.ensureHeld()
    try await self.queue.confirm(self.node)
    try self.ensureHeld()
  }

  func release(_ grant: UInt64) async throws(LockError) {
    _ = self.term.isLive
    let before = self.finish(.released)
    self.state.withLock { $0.isReleased = true }
    await self.queue.release(self)
    if case .lost(let error) = before { throw error }
  }

  func abandon(_ grant: UInt64) {
    self.finish(.released)
    self.state.withLock { $0.isReleased = true }
    self.queue.releaseInBackground(self)
  }

  private func ensureHeld() throws(LockError) {
    _ = self.term.isLive
    switch self.state.withLock({ $0.ending }) {
    case nil: return
    case .lost(let error): throw error
    case .released: throw .lost(self.name, because: "it was released")
    }
  }
}

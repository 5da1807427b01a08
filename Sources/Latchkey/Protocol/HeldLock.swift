internal import LatchkeyPrimitives

/// What code that runs under a lock is lent: a copyable view of the lease.
///
/// It does not own the grant: it stays valid to ask after the lease has been released or lost, and then answers so.
public struct HeldLock: Sendable {
  private let driver: any LeaseDriver
  private let grant: UInt64

  /// The fencing token of this grant; nil where the backend cannot promise one (``FencedLock``).
  public let token: FencingToken?

  package init(driver: any LeaseDriver, grant: UInt64, token: FencingToken?) {
    self.driver = driver
    self.grant = grant
    self.token = token
  }

  /// The fencing tokens of a ``MultiLock``, in the order of ``MultiLock/locks``, with nil for a lock that promises none; of any
  /// other lock, ``token`` alone.
  public var tokens: [FencingToken?] { self.driver.tokens(of: self.grant) ?? [self.token] }

  /// The lock.
  public var name: LockName { self.driver.name }

  /// The backend that granted it.
  public var backend: LockBackend { self.driver.backend }

  /// The instant until which the backend cannot grant the lock to anyone else by itself, as far as clocks run at about the
  /// same rate. Renewal moves it forward, never once it has passed. Nil where a grant does not end by time: in-process locks,
  /// and backends that say by themselves when a lock is lost.
  public var deadline: ContinuousClock.Instant? { self.driver.deadline(of: self.grant) }

  /// The time left until ``deadline``, not below zero; nil where there is no deadline.
  public var remaining: Duration? {
    self.deadline.map { deadline in max(.zero, ContinuousClock.now.duration(to: deadline)) }
  }

  /// Whether this grant still stands.
  ///
  /// Clock arithmetic, not a flag that a timer must flip: false from the deadline on even if every thread was blocked or the
  /// process was stopped, and never true again. Runs no handler of anybody's, so it may be asked under a lock of one's own.
  public var isHeld: Bool { self.driver.isHeld(self.grant) }

  /// Waits until the grant ends: the loss, or nil if it was released (or the waiting task was cancelled).
  ///
  /// Completes by the deadline if the process runs. Where the backend itself drops the lock, it completes when that is
  /// noticed, possibly after the next grant: the token protects.
  public var lost: LockError? {
    get async {
      let ended = OneShot<LockError?>()
      let handler = self.driver.onEnding(of: self.grant) { ending in
        if case .lost(let loss) = ending { ended.resolve(loss) } else { ended.resolve(nil) }
      }
      let loss = await ended.wait(cancelled: nil)
      if let handler { self.driver.removeEndingHandler(handler, of: self.grant) }
      return loss
    }
  }

  /// Throws if the grant no longer stands: a guard to put before a step that must not be taken without the lock.
  ///
  /// - Throws: ``LockError`` with code ``LockError/Code/lockLost``, which says why.
  public func ensureHeld() throws(LockError) {
    guard !self.isHeld else { return }
    throw self.loss ?? .lost(self.name, because: "it was released")
  }

  /// The loss, if the grant has ended by one.
  package var loss: LockError? {
    let found = Locked<LockError?>(nil)
    // A grant that has ended calls the handler before this returns.
    let handler = self.onEnding { ending in
      if case .lost(let loss) = ending { found.withLock { $0 = loss } }
    }
    if let handler { self.removeEndingHandler(handler) }
    return found.withLock { $0 }
  }

  /// Whether anything can end the grant before its release.
  var canBeLost: Bool { self.driver.canBeLost(self.grant) }

  /// Moves the deadline forward by asking the backend now.
  ///
  /// Not needed in ordinary use: sessions are kept alive and leases renewed by themselves.
  ///
  /// - Throws: ``LockError`` with code ``LockError/Code/lockLost`` if it is too late,
  ///   ``LockError/Code/notSupported`` for locks without a deadline.
  public func extend() async throws(LockError) {
    try await self.driver.extend(self.grant)
  }

  /// Marks a body that runs in the current task; `caller` waits for it.
  func marker(caller: UInt? = nil) -> HoldMarker {
    let task = HoldMarker.taskIdentity
    return HoldMarker(
      driver: self.driver,
      grant: self.grant,
      task: task,
      caller: caller ?? task,
      enclosing: HoldMarker.current
    )
  }

  /// Releases a grant that no ``Lease`` owns any more; see `Lease.disowned()`.
  func giveBack() async throws(LockError) -> PendingRelease? {
    if self.driver.releaseAtOnce(self.grant) { return nil }
    return try await self.driver.release(self.grant)
  }

  /// Releases such a grant in the background.
  func abandon() { self.driver.abandon(self.grant) }

  package func onEnding(_ handler: @escaping @Sendable (LeaseEnding) -> Void) -> UInt64? {
    self.driver.onEnding(of: self.grant, handler)
  }

  package func removeEndingHandler(_ id: UInt64) {
    self.driver.removeEndingHandler(id, of: self.grant)
  }
}

extension LockError {
  /// A loss, with what to do about it.
  package static func lost(_ name: LockName, because reason: String, underlying: (any Error)? = nil) -> LockError {
    var error = LockError(
      .lockLost,
      name: name,
      message: "the lock was lost: \(reason); stop writing to what it protects and acquire it again",
      underlying: underlying
    )
    error.lossReason = reason
    return error
  }
}

internal import LatchkeyPrimitives
internal import Tracing

/// A grant that somebody watches, from its beginning until it is released or dropped.
///
/// It stands between the lease and the driver that granted it, so that leases which nobody watches carry nothing for it.
final class ObservedGrant: LeaseDriver {
  /// The driver that granted the lease.
  let driver: any LeaseDriver
  private let metrics: LockMetrics?
  private let tracer: (any Tracer)?
  private let span: (any Span)?
  private let start = ContinuousClock.now
  /// What it counts as among those that are held.
  private let amount: Int
  /// Whether the end of the hold has been measured: at the loss, if there is one.
  private let isMeasured = Locked(false)

  init(
    _ driver: any LeaseDriver,
    grant: UInt64,
    token: FencingToken?,
    kind: GrantKind,
    metrics: LockMetrics?,
    tracer: (any Tracer)?
  ) {
    self.driver = driver
    self.metrics = metrics
    self.tracer = tracer
    self.amount = max(1, driver.permits(of: grant))
    metrics?.holding(self.amount, isOver: false)
    self.span = tracer?.startSpan("lock.hold")
    self.span?.describe(driver.name, driver.backend.kind, kind)
    self.span?.describe(token)
    // An in-process lock is slower to release when it has somebody to tell.
    guard driver.canBeLost(grant) else { return }
    _ = driver.onEnding(of: grant) { ending in
      if case .lost(let loss) = ending { self.lose(loss) }
    }
  }

  /// Runs a body with the span of the hold as the current one, and notes its error.
  func run<R>(isolation: isolated (any Actor)?, _ body: () async throws -> R) async throws -> R {
    do {
      guard let span else { return try await body() }
      return try await ServiceContext.withValue(span.context, isolation: isolation, operation: body)
    } catch {
      self.span?.fail(with: error)
      throw error
    }
  }

  private func lose(_ loss: LockError) {
    guard self.measure("lost") else { return }
    self.metrics?.lost()
    self.span?.addEvent(SpanEvent(name: "lock.lost", attributes: ["reason": "\(loss.message)"]))
    self.span?.setStatus(SpanStatus(code: .error, message: loss.message))
  }

  /// The holder is done with the lease.
  private func end(_ outcome: String) {
    self.measure(outcome)
    self.span?.end(outcome)
  }

  /// - Returns: Whether it had not been measured before.
  @discardableResult
  private func measure(_ outcome: String) -> Bool {
    let isFirst = self.isMeasured.withLock { isMeasured in
      defer { isMeasured = true }
      return !isMeasured
    }
    if isFirst {
      self.metrics?.holding(self.amount, isOver: true)
      self.metrics?.held(for: .now - self.start, outcome: outcome)
    }
    return isFirst
  }

  /// The hold was turned into another one, which is watched from now on.
  ///
  /// - Parameter lease: The lease of the new hold.
  func convert(to lease: consuming Lease, _ kind: GrantKind) -> Lease {
    self.end("converted")
    return lease.observed(self.metrics?.of(kind), self.tracer, kind)
  }

  // MARK: LeaseDriver

  var name: LockName { self.driver.name }

  var backend: LockBackend { self.driver.backend }

  func permits(of grant: UInt64) -> Int { self.driver.permits(of: grant) }

  func token(of grant: UInt64) -> FencingToken? { self.driver.token(of: grant) }

  func tokens(of grant: UInt64) -> [FencingToken?]? { self.driver.tokens(of: grant) }

  func covers(_ name: LockName, _ backend: LockBackend) -> Bool { self.driver.covers(name, backend) }

  func deadline(of grant: UInt64) -> ContinuousClock.Instant? { self.driver.deadline(of: grant) }

  func canBeLost(_ grant: UInt64) -> Bool { self.driver.canBeLost(grant) }

  func isHeld(_ grant: UInt64) -> Bool { self.driver.isHeld(grant) }

  func isReleased(_ grant: UInt64) -> Bool { self.driver.isReleased(grant) }

  func onEnding(of grant: UInt64, _ handler: @escaping @Sendable (LeaseEnding) -> Void) -> UInt64? {
    self.driver.onEnding(of: grant, handler)
  }

  func removeEndingHandler(_ id: UInt64, of grant: UInt64) { self.driver.removeEndingHandler(id, of: grant) }

  func extend(_ grant: UInt64) async throws(LockError) { try await self.driver.extend(grant) }

  func release(_ grant: UInt64) async throws(LockError) -> PendingRelease? {
    let pending: PendingRelease?
    do throws(LockError) {
      pending = try await self.driver.release(grant)
    } catch {
      // Unless it was told before, the release has found it.
      self.lose(error)
      self.end("lost")
      throw error
    }
    self.end("released")
    return pending
  }

  func releaseAtOnce(_ grant: UInt64) -> Bool {
    guard self.driver.releaseAtOnce(grant) else { return false }
    self.end("released")
    return true
  }

  func abandon(_ grant: UInt64) {
    self.driver.abandon(grant)
    self.end("dropped")
  }
}

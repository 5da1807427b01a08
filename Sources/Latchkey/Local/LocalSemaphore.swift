internal import LatchkeyPrimitives

/// An in-process semaphore under the common protocol: asynchronous, cancellable, with time-outs.
///
/// Fair by arrival: a request for many permits is not overtaken by later ones for few, so it is not starved. Without contention,
/// acquiring and releasing never suspend. Leases have no deadline and cannot be lost. Two semaphores of one name from one
/// ``LocalLocks`` are the same semaphore.
///
/// ```swift
/// let pool = LocalSemaphore("reports", limit: .fixed(5))
/// try await pool.withPermit { _ in try await render(report) }
/// ```
public struct LocalSemaphore: DistributedSemaphore {
  /// How many permits there are.
  public enum Limit: Hashable, Sendable {
    /// Always that many. A request for more is refused at once.
    case fixed(Int)
    /// That many at first; ``LocalSemaphore/setLimit(_:)`` changes it for all. A request for more waits until the limit is raised, and
    /// holds up nobody.
    case shared(seed: Int)
  }

  static let kind = "semaphore"

  private let core: LocalGrantCore<PermitRule>
  private let limit: Limit

  init(_ core: LocalGrantCore<PermitRule>, limit: Limit) {
    self.core = core
    self.limit = limit
  }

  /// Makes a semaphore that nobody else can name: it counts only users of this value and its copies.
  ///
  /// - Parameters:
  ///   - name: The name, for errors and logs.
  ///   - limit: How many permits there are.
  ///   - observability: What it tells of itself.
  public init(_ name: LockName, limit: Limit, observability: LockObservability = LockObservability()) {
    self.init(Self.core(name, limit: limit, instance: LocalLocks.nextInstance(), observability), limit: limit)
  }

  static func core(
    _ name: LockName,
    limit: Limit,
    instance: String,
    _ observability: LockObservability
  ) -> LocalGrantCore<PermitRule> {
    let (count, isFixed) =
      switch limit {
      case .fixed(let count): (count, true)
      case .shared(let seed): (seed, false)
      }
    return LocalGrantCore(
      PermitRule(limit: count, isFixed: isFixed),
      name: name,
      kind: Self.kind,
      instance: instance,
      observability: observability
    )
  }

  /// The name that contenders agree on.
  public var name: LockName { self.core.name }

  /// `semaphore`, and the registry it belongs to.
  public var backend: LockBackend { self.core.backend }

  /// Takes permits if that many are free, and nobody waits before; never suspends.
  ///
  /// - Parameter permits: How many, at least 1.
  /// - Returns: The lease, or nil if fewer are free.
  /// - Throws: ``LockError`` with code ``LockError/Code/invalidConfiguration`` for less than 1 or more than a fixed limit, or if
  ///   others have made this semaphore with another limit.
  public func tryAcquire(_ permits: Int) async throws(LockError) -> Lease? {
    try self.check(permits)
    return self.core.tryAcquire(permits)
  }

  /// Waits for permits, in the order in which callers came.
  ///
  /// - Parameters:
  ///   - permits: How many, at least 1.
  ///   - timeout: The budget of the call; nil waits for ever, zero tries once.
  /// - Returns: The lease, without a token.
  /// - Throws: ``LockError`` with code ``LockError/Code/timedOut`` or ``LockError/Code/cancelled``; with
  ///   ``LockError/Code/invalidConfiguration`` as ``tryAcquire(_:)``.
  public func acquire(_ permits: Int, within timeout: Duration?) async throws(LockError) -> Lease {
    try self.check(permits)
    return try await self.core.acquire(permits, within: timeout)
  }

  /// Changes how many permits there are; never suspends. The limit is remembered as long as somebody uses the semaphore.
  ///
  /// - Parameter limit: How many, at least 0; with 0 nobody gets in.
  /// - Throws: ``LockError``: ``LockError/Code/notSupported`` if the limit is fixed, ``LockError/Code/invalidConfiguration`` if it is
  ///   negative.
  public func setLimit(_ limit: Int) async throws(LockError) {
    try self.check(limit: limit)
    if case .fixed = self.limit { throw self.limitIsFixed }
    let isChanged = self.core.serve { state in
      if !state.rule.isFixed { state.rule.limit = limit }
      return !state.rule.isFixed
    }
    if !isChanged { throw self.limitIsFixed }
  }

  private func check(_ permits: Int) throws(LockError) {
    switch self.limit {
    case .fixed(let count): try self.check(fixedLimit: count)
    case .shared(let seed): try self.check(limit: seed)
    }
    let rule = self.core.state.withLock { $0.rule }
    let isSame =
      switch self.limit {
      case .fixed(let count): rule.isFixed && rule.limit == count
      case .shared: !rule.isFixed
      }
    guard isSame else {
      throw LockError(
        .invalidConfiguration,
        name: self.name,
        message: "this semaphore is in use with \(rule.isFixed ? "a fixed limit of \(rule.limit)" : "a shared limit"), "
          + "and was asked for with the limit \(self.limit); give the same limit everywhere"
      )
    }
    try self.check(permits, limit: rule.isFixed ? rule.limit : nil)
  }
}

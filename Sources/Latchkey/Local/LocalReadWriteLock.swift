internal import LatchkeyPrimitives

/// An in-process read-write lock under the common protocol: asynchronous, cancellable, with time-outs.
///
/// Fair by arrival: a reader does not overtake a writer that waits, and readers that wait one behind the other come in together, so
/// neither side starves. Without contention, acquiring and releasing never suspend. Leases have no deadline and cannot be lost;
/// tokens grow within the process. Two locks of one name from one ``LocalLocks`` are the same lock; it has nothing to do with the
/// mutex of that name.
///
/// ```swift
/// let table = LocalReadWriteLock("table")
/// let price = try await table.reading.withLock { _ in try await store.price(of: "tea") }
/// try await table.writing.withLock { _ in try await store.reload() }
/// ```
public struct LocalReadWriteLock: UpgradableReadWriteLock {
  static let kind = "readwrite"

  /// One half of the lock.
  public struct Half: FencedLock, ReadWriteHalf {
    fileprivate let core: LocalGrantCore<ReadWriteRule>
    fileprivate let want: Want
    package var isShared: Bool { self.want == .shared }

    /// The name that contenders agree on: that of the read-write lock.
    public var name: LockName { self.core.name }

    /// `readwrite`, and the registry it belongs to.
    public var backend: LockBackend { self.core.backend }

    /// Takes this half if that needs no wait; never suspends.
    ///
    /// - Returns: The lease, or nil if somebody is in the way or waits.
    /// - Throws: Nothing; the type is the protocol's.
    public func tryAcquire() async throws(LockError) -> Lease? { self.core.tryAcquire(self.want) }

    /// Waits for this half, in the order in which callers of both halves came.
    ///
    /// - Parameter timeout: The budget of the call; nil waits for ever, zero tries once.
    /// - Returns: The lease.
    /// - Throws: ``LockError`` with code ``LockError/Code/timedOut`` or ``LockError/Code/cancelled``.
    public func acquire(within timeout: Duration?) async throws(LockError) -> Lease {
      try await self.core.acquire(self.want, within: timeout)
    }
  }

  private let core: LocalGrantCore<ReadWriteRule>

  init(_ core: LocalGrantCore<ReadWriteRule>) {
    self.core = core
  }

  /// Makes a lock that nobody else can name: it excludes only users of this value and its copies.
  ///
  /// - Parameters:
  ///   - name: The name, for errors and logs.
  ///   - observability: What it tells of itself.
  public init(_ name: LockName, observability: LockObservability = LockObservability()) {
    self.init(Self.core(name, instance: LocalLocks.nextInstance(), observability))
  }

  static func core(
    _ name: LockName,
    instance: String,
    _ observability: LockObservability
  ) -> LocalGrantCore<ReadWriteRule> {
    LocalGrantCore(
      ReadWriteRule(),
      name: name,
      kind: Self.kind,
      instance: instance,
      observability: observability
    )
  }

  /// The name that contenders agree on.
  public var name: LockName { self.core.name }

  /// `readwrite`, and the registry it belongs to.
  public var backend: LockBackend { self.core.backend }

  /// The half that readers hold together.
  public var reading: Half { Half(core: self.core, want: .shared) }

  /// The half that one writer holds alone.
  public var writing: Half { Half(core: self.core, want: .exclusive) }

  /// Turns a writer into a reader; never suspends.
  ///
  /// - Parameter lease: A lease of ``writing``. It is used up.
  /// - Returns: A lease of ``reading``, whose token has the same major number and a greater minor one.
  /// - Throws: ``LockError`` with code ``LockError/Code/invalidConfiguration`` if the lease is of another lock or of the other
  ///   half: it is released then.
  public func downgrade(_ lease: consuming Lease) async throws(LockError) -> Lease {
    guard let grant = self.grant(of: lease), let reading = self.core.downgrade(grant) else {
      throw await lease.refused(by: self.name, .downgrade)
    }
    return lease.converted(to: self.core, grant: reading.number, token: reading.token, by: .downgrade)
  }

  /// Turns a reader into a writer if nobody else holds the lock or waits for it; never suspends.
  ///
  /// - Parameter lease: A lease of ``reading``.
  /// - Returns: A lease of ``writing`` with a new token, or the given one.
  /// - Throws: ``LockError`` with code ``LockError/Code/invalidConfiguration`` if the lease is of another lock or of the other
  ///   half: it is released then.
  public func tryUpgrade(_ lease: consuming Lease) async throws(LockError) -> Upgrade {
    guard let grant = self.grant(of: lease), let outcome = self.core.tryUpgrade(grant) else {
      throw await lease.refused(by: self.name, .upgrade)
    }
    switch outcome {
    case .upgraded(let writing):
      return .upgraded(lease.converted(to: self.core, grant: writing.number, token: writing.token, by: .upgrade))
    case .busy: return .busy(lease)
    }
  }

  private func grant(of lease: borrowing Lease) -> UInt64? {
    guard let grant = lease.grant(of: LocalGrantCore<ReadWriteRule>.self), grant.driver === self.core else {
      return nil
    }
    return grant.number
  }
}

extension LocalGrantCore<ReadWriteRule> {
  enum UpgradeOutcome: Sendable {
    case upgraded(Grant)
    case busy
  }

  /// - Returns: The reader's grant; nil if the given one is no writer's.
  func downgrade(_ grant: UInt64) -> Grant? {
    let change = self.serve { state -> (grant: Grant, handlers: [EndingHandler])? in
      guard let holding = state.holdings[grant], holding.request == .exclusive else { return nil }
      let handlers = self.end(grant, &state)
      // Smaller than the token of the next writer, which may be in line already, and greater than that of the grant it replaces.
      let token = holding.token.map { FencingToken(major: $0.major, minor: $0.minor + 1) }
      return (self.grant(.shared, token: token, &state), handlers)
    }
    for handler in change?.handlers ?? [] { handler(.released) }
    return change?.grant
  }

  /// - Returns: Nil if the given grant is no reader's.
  func tryUpgrade(_ grant: UInt64) -> UpgradeOutcome? {
    let (outcome, handlers) = self.state.withLock { state -> (UpgradeOutcome?, [EndingHandler]) in
      guard let holding = state.holdings[grant], holding.request == .shared else { return (nil, []) }
      guard state.rule.readers == 1, state.line.isEmpty else { return (.busy, []) }
      let handlers = self.end(grant, &state)
      return (.upgraded(self.grant(.exclusive, &state)), handlers)
    }
    for handler in handlers { handler(.released) }
    return outcome
  }
}

/// One term of a leader: what ``LeaderElection/campaign(value:within:)`` returns.
///
/// Like a ``Lease`` it cannot be copied, is resigned once, and may be stored and resigned by another task. One that is dropped
/// is resigned in the background, with a warning in the log.
public struct Leadership: ~Copyable, Sendable {
  private let lease: Lease
  private let publish: HeldLeadership.Publish

  /// - Parameters:
  ///   - lease: What the leadership rests on.
  ///   - publish: Has the backend show another value of the leader's; throws `lockLost` if it does not lead any more.
  package init(lease: consuming Lease, publish: @escaping @Sendable (String) async throws(LockError) -> Void) {
    self.lease = lease
    self.publish = publish
  }

  /// A copyable view of the lease: name, token, deadline, whether it stands, and its loss.
  public var held: HeldLock { self.lease.held }

  /// A copyable view of the leadership, for code that leads and does not resign.
  public var view: HeldLeadership { HeldLeadership(held: self.held, publish: self.publish) }

  /// Replaces the value that observers see.
  ///
  /// - Parameter value: The new value.
  /// - Throws: ``LockError``: ``LockError/Code/lockLost`` if we do not lead any more, ``LockError/Code/unreachable``.
  public func proclaim(_ value: String) async throws(LockError) { try await self.view.proclaim(value) }

  /// Steps back, so that the next candidate leads.
  ///
  /// - Throws: ``LockError`` with code ``LockError/Code/lockLost`` if the leadership had ended before.
  public consuming func resign() async throws(LockError) {
    try await self.lease.release()
  }

  /// Resigns.
  ///
  /// - Returns: The loss, if the leadership had been lost before, or the backend finds so now.
  package consuming func resignTellingLoss() async -> LockError? { await self.lease.releaseTellingLoss() }

  /// Runs a body under the leadership and resigns, whichever way the body ends.
  consuming func run<R>(
    isolation: isolated (any Actor)?,
    _ body: (HeldLeadership) async throws -> sending R
  ) async throws -> sending R {
    let view = self.view
    return try await self.lease.run(isolation: isolation) { _ in try await body(view) }
  }
}

/// What code that leads is lent: a copyable view of a ``Leadership``.
///
/// It does not own the leadership: it stays valid to ask after the leadership has been resigned or lost, and then says so.
public struct HeldLeadership: Sendable {
  typealias Publish = @Sendable (String) async throws(LockError) -> Void

  /// The lease that the leadership rests on: name, token, deadline, whether it stands, and its loss.
  public let held: HeldLock
  private let publish: Publish

  init(held: HeldLock, publish: @escaping Publish) {
    self.held = held
    self.publish = publish
  }

  /// The fencing token of the leadership; nil where the backend cannot promise one.
  public var token: FencingToken? { self.held.token }

  /// Whether the leadership still stands; see ``HeldLock/isHeld``.
  public var isHeld: Bool { self.held.isHeld }

  /// Replaces the value that observers see.
  ///
  /// - Parameter value: The new value.
  /// - Throws: ``LockError``: ``LockError/Code/lockLost`` if we do not lead any more, ``LockError/Code/unreachable``.
  public func proclaim(_ value: String) async throws(LockError) {
    try self.held.ensureHeld()
    try await self.publish(value)
  }
}

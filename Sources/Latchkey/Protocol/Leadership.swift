/// One term of a leader: what ``LeaderElection/campaign(value:within:)`` gives.
///
/// Like a ``Lease`` it cannot be copied, is resigned once, and may be stored and resigned by another task. One that is dropped
/// is resigned in the background, with a warning in the log.
public struct Leadership: ~Copyable, Sendable {
  private let lease: Lease
  private let tell: @Sendable (String) async throws(LockError) -> Void

  /// - Parameters:
  ///   - lease: What the leadership rests on.
  ///   - tell: Has the backend show another value of the leader's; throws `lockLost` if it does not lead any more.
  package init(lease: consuming Lease, tell: @escaping @Sendable (String) async throws(LockError) -> Void) {
    self.lease = lease
    self.tell = tell
  }

  /// A copyable view of the leadership: name, token, deadline, whether it stands, and its loss.
  public var held: HeldLock { self.lease.held }

  /// Says something else of ourselves to those who look who leads.
  ///
  /// - Parameter value: What to say.
  /// - Throws: ``LockError``: ``LockError/Code/lockLost`` if we do not lead any more, ``LockError/Code/unreachable``.
  public func proclaim(_ value: String) async throws(LockError) {
    try self.held.ensureHeld()
    try await self.tell(value)
  }

  /// Steps back, so that the next candidate leads.
  ///
  /// - Throws: ``LockError`` with code ``LockError/Code/lockLost`` if the leadership had ended before.
  public consuming func resign() async throws(LockError) {
    try await self.lease.release()
  }
}

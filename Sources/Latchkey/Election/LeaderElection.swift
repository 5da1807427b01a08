/// An election: a name that candidates agree on, at a backend. One of them leads at a time, and everybody may see who.
///
/// A leadership keeps the promises of a ``Lease``: exclusion until its deadline, loss that is told, and a fencing token.
public protocol LeaderElection: Sendable {
  /// The name that candidates agree on.
  var name: LockName { get }

  /// Where the election takes place.
  var backend: LockBackend { get }

  /// Stands as a candidate and waits to be elected.
  ///
  /// Cancelling the task withdraws the candidate and leaves nothing behind at the backend.
  ///
  /// - Parameters:
  ///   - value: What the candidate says of itself, for those who look who leads.
  ///   - timeout: The budget of the whole call; nil waits for ever, zero tries once.
  /// - Returns: The leadership; resign it when it is over.
  /// - Throws: ``LockError``, as ``DistributedLock/acquire(within:)`` does.
  func campaign(value: String, within timeout: Duration?) async throws(LockError) -> Leadership

  /// Who leads now; nil if nobody does.
  ///
  /// - Returns: The leader.
  /// - Throws: ``LockError`` with code ``LockError/Code/unreachable`` if the backend cannot be asked, or another of its codes.
  func leader() async throws(LockError) -> Leader?

  /// Who leads, from now on: the present leader first, then each change of leader or of its value, and nil when nobody leads.
  ///
  /// What changes faster than it is looked at may be left out.
  var leaders: AsyncStream<Leader?> { get }
}

extension LeaderElection {
  /// Stands as a candidate and waits to be elected, without a budget.
  ///
  /// - Parameter value: What the candidate says of itself.
  /// - Returns: The leadership.
  /// - Throws: ``LockError``, as ``campaign(value:within:)`` does.
  public func campaign(value: String) async throws(LockError) -> Leadership {
    try await self.campaign(value: value, within: nil)
  }
}

/// Who leads, as others see it.
public struct Leader: Hashable, Sendable {
  /// What the leader says of itself.
  public let value: String
  /// The fencing token of its leadership; nil where the backend cannot promise one, or does not show it.
  public let token: FencingToken?

  /// Describes a leader.
  ///
  /// - Parameters:
  ///   - value: What the leader says of itself.
  ///   - token: The fencing token of its leadership.
  public init(value: String, token: FencingToken?) {
    self.value = value
    self.token = token
  }
}

public import Latchkey

/// One thing that happened to one worker at one lock.
public struct HistoryEvent: Sendable, Hashable {
  /// What happened.
  public enum Kind: Sendable, Hashable {
    /// The worker asked for the lock.
    case requested
    /// The worker got the lock, with this token where there are tokens.
    case granted(FencingToken?)
    /// The worker gave the lock back.
    case released
    /// The worker was told that it lost the lock, or found out.
    case lost
    /// The request ended without a grant, for this reason.
    case failed(String)
  }

  /// Who: a number that is unique among all workers of all processes.
  public var worker: Int
  /// The lock's name.
  public var lock: String
  /// What happened.
  public var kind: Kind
  /// When. Comparable between processes of one machine.
  public var at: ContinuousClock.Instant

  /// Describes what happened.
  ///
  /// - Parameters:
  ///   - worker: Who.
  ///   - lock: The lock's name.
  ///   - kind: What happened.
  ///   - at: When.
  public init(worker: Int, lock: String, _ kind: Kind, at: ContinuousClock.Instant) {
    self.worker = worker
    self.lock = lock
    self.kind = kind
    self.at = at
  }
}

internal import Latchkey
internal import LatchkeyTesting

/// The task of one process of a contention.
struct ContendPlan: Codable, Sendable {
  /// How a worker gets at the counter.
  enum Mode: String, Codable, Sendable {
    /// Waits for the lock.
    case lock
    /// Takes the lock only if it is free.
    case tryOnly
    /// Takes no lock, to show what then happens.
    case none
  }

  var mode: Mode
  /// The lock with its credentials: it travels through a pipe, never in an argument.
  var url: String
  var tick: Duration?
  /// The servers that this command has started itself, and that so have no lock to forget.
  var freshServers = RedisServer.trustedRunIDs
  var workers: Int
  var count: Int
  var processes: Int
  var hold: Duration
  var wait: Duration?
  /// Whether to report what became of each worker, for workers that try once.
  var tellsOutcomes = false
  /// The file of the ``Board``.
  var board: String
  /// The place of this process among all, from 0.
  var process = 0

  /// How often the lock is asked for in all.
  var attempts: Int { self.workers * self.count * self.processes }
}

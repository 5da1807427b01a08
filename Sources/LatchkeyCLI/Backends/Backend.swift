internal import Latchkey

/// One kind of backend as the command sees it. To add one: a folder with a type that conforms, and a line in ``Backends``.
protocol Backend: Sendable {
  /// The URL schemes it serves.
  var schemes: [LockURL.Scheme] { get }

  /// Connects, lends the locks to a body, and disconnects when the body has ended, whichever way.
  ///
  /// - Parameters:
  ///   - url: Where to connect to, with all options applied.
  ///   - tick: The servers' tick, where it is known.
  ///   - body: What to do with the locks.
  func withLocks<Result: Sendable>(
    at url: LockURL,
    tick: Duration?,
    _ body: @Sendable (any LockProvider) async throws -> Result
  ) async throws -> Result
}

/// Throw-away servers for `--serve`.
protocol ServerKind: Sendable {
  /// The word after `--serve`.
  var name: String { get }

  /// How many servers there may be.
  var counts: ClosedRange<Int> { get }

  /// Starts servers, lends them to a body, and stops and removes them when the body has ended, whichever way.
  ///
  /// - Parameters:
  ///   - count: How many.
  ///   - body: What to do with them.
  func withServers<Result: Sendable>(
    count: Int,
    _ body: @Sendable (ServedBackend) async throws -> Result
  ) async throws -> Result
}

/// Servers that run.
struct ServedBackend: Sendable {
  /// A URL up to the name of a lock.
  let base: String
  /// The tick they run with, where they have one.
  let tick: Duration?
  /// What they say they are; nil if they were not asked.
  var version: String?
  /// How long after their start no lock can be had from them; nil if one can at once.
  var quarantine: Duration?
}

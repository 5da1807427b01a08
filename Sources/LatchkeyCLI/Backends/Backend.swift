internal import Latchkey

/// One kind of backend as the command sees it. To add one: a folder with a type that conforms, and a line in ``Backends``.
protocol Backend: Sendable {
  /// The URL schemes it serves.
  var schemes: [LockURL.Scheme] { get }

  /// Connects, passes locks and their inspector to a body, and disconnects when the body has ended, whichever way.
  ///
  /// - Parameters:
  ///   - url: Where to connect to, with all options applied.
  ///   - tick: The servers' tick, where it is known.
  ///   - body: What to do with them.
  func withSession<Result: Sendable>(
    at url: LockURL,
    tick: Duration?,
    _ body: @Sendable (BackendSession) async throws -> Result
  ) async throws -> Result
}

extension Backend {
  /// As ``withSession(at:tick:_:)``, with the locks alone.
  func withLocks<Result: Sendable>(
    at url: LockURL,
    tick: Duration?,
    _ body: @Sendable (any LockProvider) async throws -> Result
  ) async throws -> Result {
    try await self.withSession(at: url, tick: tick) { session in try await body(session.locks) }
  }
}

/// A backend that is connected.
struct BackendSession: Sendable {
  let locks: any LockProvider
  /// Inspects locks on the same servers; nil for locks without servers.
  var inspector: (any LockInspector)?
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

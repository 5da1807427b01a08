internal import Latchkey

/// One kind of backend as the command sees it. To add one: a folder with a type that conforms, and a line in ``Backends``.
protocol Backend: Sendable {
  /// The URL schemes it serves.
  var schemes: [LockURL.Scheme] { get }

  /// Connects, passes locks to a body, and disconnects when the body has ended, whichever way.
  ///
  /// - Parameters:
  ///   - url: Where to connect to, with all options applied.
  ///   - tick: The servers' tick, where it is known.
  ///   - answerTimeout: How long a wait bears servers that answer nothing; nil for the library's default.
  ///   - body: What to do with them.
  func withLocks<Result: Sendable>(
    at url: LockURL,
    tick: Duration?,
    answerTimeout: Duration?,
    _ body: @Sendable (any LockProvider) async throws -> Result
  ) async throws -> Result
}

extension Backend {
  /// As ``withLocks(at:tick:answerTimeout:_:)``, with the library's patience.
  func withLocks<Result: Sendable>(
    at url: LockURL,
    tick: Duration?,
    _ body: @Sendable (any LockProvider) async throws -> Result
  ) async throws -> Result {
    try await self.withLocks(at: url, tick: tick, answerTimeout: nil, body)
  }
}

/// A backend whose locks and servers can be looked at from outside.
protocol LookableBackend: Backend {
  /// Connects, lends an inspector to a body, and disconnects when the body has ended, whichever way. Leaves nothing behind.
  ///
  /// - Parameters:
  ///   - url: Where to connect to, with all options applied.
  ///   - body: What to do with the inspector.
  func withInspector<Result: Sendable>(
    at url: LockURL,
    _ body: @Sendable (any LockInspector) async throws -> Result
  ) async throws -> Result

  /// Looks at the servers, and judges what it finds.
  ///
  /// - Parameters:
  ///   - url: Where the servers are, with all options applied.
  ///   - tick: The servers' tick, where the caller knows it.
  func check(_ url: LockURL, tick: Duration?) async throws -> [Finding]
}

internal import Latchkey

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

extension Backends {
  /// The backend of a URL, if there is something to see from outside.
  static func lookable(for url: LockURL) throws(CommandFailure) -> any LookableBackend {
    if let backend = try self.backend(for: url) as? any LookableBackend { return backend }
    throw CommandFailure(
      .usage,
      "\(url.scheme.rawValue): locks live in one process, so nobody sees them from outside; "
        + "use the URL of a server, such as \(LockURL.Scheme.zookeeper.example)"
    )
  }
}

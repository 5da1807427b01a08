import Latchkey

/// A kind of server that locks live on.
protocol Backend: Sendable {
  /// Opens a session of its own to the servers of `server=`, lends its locks to a body, and closes it.
  func withSession(_ arguments: Arguments, _ body: (any LockProvider) async throws -> Void) async throws
}

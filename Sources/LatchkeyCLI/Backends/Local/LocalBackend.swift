internal import Latchkey

/// The in-process locks, `local:` and `channel:`.
struct LocalBackend: Backend {
  let schemes: [LockURL.Scheme] = [.local, .channel]

  func withSession<Result: Sendable>(
    at url: LockURL,
    tick: Duration?,
    _ body: @Sendable (BackendSession) async throws -> Result
  ) async throws -> Result {
    try await body(BackendSession(locks: url.scheme == .channel ? Channels() : LocalLocks.shared))
  }

  private struct Channels: LockProvider {
    func lock(_ name: LockName) -> any DistributedLock { LocalLocks.shared.channel(name) }
  }
}

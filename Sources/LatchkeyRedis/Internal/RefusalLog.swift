internal import Latchkey
internal import Logging

/// Says in the log what servers refuse that nobody waits for: renewals, and releases whose callers have gone on. Every lock meets
/// the same refusal, so each is said once, and again only when the words change or a while has passed.
final class RefusalLog: Sendable {
  private struct Entry {
    let text: String
    let at: ContinuousClock.Instant
  }

  /// How long the same words are not repeated.
  private static let interval = Duration.seconds(60)

  private let logger: Logger
  private let backend: LockBackend
  private let said = Locked<[String: Entry]>([:])

  init(_ logger: Logger, backend: LockBackend) {
    self.logger = logger
    self.backend = backend
  }

  /// Logs a refusal.
  ///
  /// - Parameters:
  ///   - message: What is refused, and what that leads to.
  ///   - error: The server's words.
  ///   - remaining: How much time is left.
  ///   - name: The lock, where it is about one.
  func warn(_ message: Logger.Message, error: String, remaining: Duration?, name: LockName? = nil) {
    let now = ContinuousClock.now
    let isNews = self.said.withLock { said -> Bool in
      if let last = said["\(message)"], last.text == error, now - last.at < Self.interval { return false }
      said["\(message)"] = Entry(text: error, at: now)
      return true
    }
    guard isNews else { return }
    var metadata: Logger.Metadata = ["lock.backend": "\(self.backend.kind)", "error": "\(error)"]
    if let name { metadata["lock.name"] = "\(name)" }
    if let remaining { metadata["lock.remaining"] = "\(remaining.roundedUp)" }
    self.logger.warning(message, metadata: metadata)
  }

  /// What was refused succeeds again: the next refusal is news.
  func clear(_ message: Logger.Message) { self.said.withLock { _ = $0.removeValue(forKey: "\(message)") } }
}

extension Duration {
  /// Whole seconds, rounded up, for people.
  var roundedUp: String {
    let (seconds, attoseconds) = self.components
    return "\(attoseconds > 0 ? seconds + 1 : seconds) s"
  }
}

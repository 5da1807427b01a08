internal import Latchkey
internal import LatchkeyPrimitives
internal import Logging

/// Logs what servers refuse in the background: renewals, and releases whose callers have gone on. Every lock meets the same refusal,
/// so each is logged once, and again only when the server's answer changes or a minute has passed.
final class RefusalLog: Sendable {
  private struct Entry {
    let text: String
    let at: ContinuousClock.Instant
  }

  /// How long the same line is not repeated.
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
  ///   - error: The server's answer.
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

  /// Forgets a refusal, so that the next one is logged.
  func clear(_ message: Logger.Message) { self.said.withLock { _ = $0.removeValue(forKey: "\(message)") } }
}

extension Duration {
  /// Whole seconds, rounded up, for people.
  var roundedUp: String { "\(self.secondsRoundedUp) s" }
}

/// What became of the one try of a worker.
struct TryOutcome: Codable, Hashable, Sendable {
  enum Answer: Codable, Hashable, Sendable {
    /// It had the lock, and has given it back.
    case granted(token: String?)
    /// Somebody else had it.
    case busy
    /// There was no answer.
    case failed
  }

  /// The place among all workers of all processes, from 0.
  var worker: Int
  /// When it asked, was answered, and was done with the lock, on ``Uptime``.
  var asked: UInt64
  var answered: UInt64
  var done: UInt64
  var answer: Answer

  var isGrant: Bool { if case .granted = self.answer { true } else { false } }
}

/// One thing that was looked at, and what it means for locks.
struct Finding: Hashable, Encodable, Sendable {
  /// How bad it is.
  enum Level: String, Hashable, Comparable, CaseIterable, Encodable, Sendable {
    /// As it should be.
    case ok
    /// Worth knowing; nothing is granted twice for it.
    case note
    /// A lock can be granted twice, or not at all, when something fails.
    case warning
    /// A lock can be granted twice in ordinary operation, or does not work.
    case danger

    static func < (left: Level, right: Level) -> Bool { left.rank < right.rank }

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
  }

  /// The server's address; nil if it is about all of them together.
  let server: String?
  let level: Level
  /// What was looked at, in a word that stays.
  let check: String
  /// What was found and why it matters, in one line.
  let reason: String
  /// What to do about it; nil if nothing.
  let remedy: String?

  init(_ level: Level, _ check: String, on server: String?, _ reason: String, remedy: String? = nil) {
    self.server = server
    self.level = level
    self.check = check
    self.reason = reason
    self.remedy = remedy
  }

  /// Whether both say the same, if need be of different servers.
  func isAlike(_ other: Finding) -> Bool {
    (self.level, self.check, self.reason, self.remedy) == (other.level, other.check, other.reason, other.remedy)
  }

  private enum CodingKeys: String, CodingKey {
    case server, level, check, reason, remedy
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    // Written even if nil: a field that comes and goes is a trap for scripts.
    try container.encode(self.server, forKey: .server)
    try container.encode(self.level, forKey: .level)
    try container.encode(self.check, forKey: .check)
    try container.encode(self.reason, forKey: .reason)
    try container.encode(self.remedy, forKey: .remedy)
  }
}

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
  @OrNull var server: String? = nil
  let level: Level
  /// What was looked at, in a word that stays.
  let check: String
  /// What was found and why it matters, in one line.
  let reason: String
  /// What to do about it; nil if nothing.
  @OrNull private(set) var remedy: String? = nil

  init(_ level: Level, _ check: String, _ reason: String) {
    self.level = level
    self.check = check
    self.reason = reason
  }

  /// The finding with what to do about it.
  func remedy(_ remedy: String) -> Finding {
    var finding = self
    finding.remedy = remedy
    return finding
  }

  /// The finding about one server.
  func on(_ server: String) -> Finding {
    var finding = self
    finding.server = server
    return finding
  }

  /// Whether both say the same, if need be of different servers.
  func isAlike(_ other: Finding) -> Bool {
    (self.level, self.check, self.reason, self.remedy) == (other.level, other.check, other.reason, other.remedy)
  }

  // MARK: What is said of several backends

  /// A server of several does not answer.
  static func unreachable(_ what: String, _ failure: String) -> Finding {
    Finding(.warning, "reachable", "it does not answer (\(failure)): one more failure and there may be no majority")
      .remedy("start the \(what), or check its address and the network")
  }

  /// Some servers that decide by majority, three or more.
  static func size(_ check: String, _ count: Int, _ what: String) -> Finding {
    guard count.isMultiple(of: 2) else {
      return Finding(.ok, check, "\(count) \(what), of which \(count / 2) may fail")
    }
    return Finding(.note, check, "\(count) \(what) survive no more failures than \(count - 1)")
      .remedy("run \(count - 1) or \(count + 1)")
  }
}

/// The version of a server, as far as it is made of numbers: `3.4.23`, `7.0.15`, `3.8.0-5a02a05` without what follows the dash.
struct ServerVersion: Hashable, Comparable, CustomStringConvertible, Sendable {
  private let numbers: [Int]

  init(_ numbers: Int...) { self.numbers = numbers }

  init?(_ text: some StringProtocol) {
    let digits = text.prefix { $0.isNumber || $0 == "." }
    let numbers = digits.split(separator: ".").map { Int($0) }
    guard !numbers.isEmpty, !numbers.contains(nil) else { return nil }
    self.numbers = numbers.compactMap { $0 }
  }

  /// Missing numbers are zeros.
  static func < (left: ServerVersion, right: ServerVersion) -> Bool {
    for place in 0..<max(left.numbers.count, right.numbers.count) {
      let pair = (left.number(place), right.number(place))
      if pair.0 != pair.1 { return pair.0 < pair.1 }
    }
    return false
  }

  var description: String { self.numbers.map(String.init).joined(separator: ".") }

  private func number(_ place: Int) -> Int { place < self.numbers.count ? self.numbers[place] : 0 }
}

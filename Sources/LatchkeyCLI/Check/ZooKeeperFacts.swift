internal import Latchkey

/// What one ZooKeeper server says about itself.
struct ZooKeeperServerFacts: Hashable, Sendable {
  var server: String
  var version: ServerVersion?
  /// `standalone`, `leader`, `follower`, `observer` or `read-only`; nil if it does not say.
  var mode: String?
  /// The server's `tickTime`; nil if it does not let us read it.
  var tick: Duration?
  /// How many members with a vote its ensemble has; nil if it does not let us read it.
  var voters: Int?
  /// Why the server does not answer; then nothing else is known.
  var failure: String?

  /// Takes in the answer to `srvr`. One that is not allowed leaves everything unknown.
  mutating func read(srvr text: String) {
    for line in text.split(whereSeparator: \.isNewline) {
      if let rest = Self.rest(of: line, after: "Zookeeper version: ") { self.version = ServerVersion(rest) }
      if let rest = Self.rest(of: line, after: "Mode: ") { self.mode = String(rest) }
    }
  }

  /// Takes in the answer to `conf`.
  mutating func read(conf text: String) {
    let lines = text.split(whereSeparator: \.isNewline)
    guard let tick = lines.lazy.compactMap({ Self.rest(of: $0, after: "tickTime=") }).first.flatMap({ Int64($0) })
    else { return }
    self.tick = .milliseconds(tick)
    self.voters = lines.count { $0.hasPrefix("server.") && !$0.contains(":observer") }
  }

  /// Takes in the answer to `isro`.
  mutating func read(isro text: String) {
    if text.split(whereSeparator: \.isWhitespace) == ["ro"] { self.mode = "read-only" }
  }

  private static func rest(of line: Substring, after key: String) -> Substring? {
    line.hasPrefix(key) ? line.dropFirst(key.count) : nil
  }
}

/// What the servers of a ZooKeeper URL, and a session on them, tell.
struct ZooKeeperFacts: Hashable, Sendable {
  var servers: [ZooKeeperServerFacts]
  /// The session timeout that was asked for.
  var askedTimeout: Duration
  /// The one that the servers have given.
  var sessionTimeout: Duration
  /// The tick that this client reckons with.
  var clientTick: Duration
}

internal import CZooKeeper
internal import LatchkeyPrimitives
internal import Logging

/// Forwards the C client's log, which is one for the whole process, to the logger of the client that was started last, and keeps what
/// it says of failed connections.
enum ClientLog {
  private struct State {
    var logger: Logger?
    var failures = ConnectFailures()
  }

  private static let state = Locked(State())

  static func forward(to logger: Logger) {
    self.state.withLock { $0.logger = logger }
    // What is not read is not formatted. Errors always are: they say why a server cannot be used.
    let level: Int32 =
      switch logger.logLevel {
      case .trace: 4
      case .debug: 3
      default: 1
      }
    czk_set_log(level, logLine)
  }

  /// Why connections to servers failed lately.
  ///
  /// - Parameter hosts: The servers, as the C client was given them.
  static func failures(of hosts: String) -> [String] {
    self.state.withLock { $0.failures.reasons(of: hosts, now: .now) }
  }

  fileprivate static func write(_ level: Int32, _ line: String) {
    let message = line.withoutLineBreaks
    let (logger, isNews) = self.state.withLock { state in
      (state.logger, level == 1 && state.failures.note(message, now: .now))
    }
    guard let logger else { return }
    let swiftLevel: Logger.Level =
      switch level {
      // The C client calls each failed attempt to connect an error; they are part of its work.
      case 1: isNews ? .info : .debug
      case 4: .trace
      default: .debug
      }
    logger.log(level: swiftLevel, "\(message)", metadata: ["zookeeper.source": "libzookeeper_mt"])
  }
}

/// What the C client's log says of connections that failed.
///
/// Pure. The log is the only place in which the C client says why.
struct ConnectFailures: Sendable {
  private struct Failure {
    var reason: String
    var notedAt: ContinuousClock.Instant
    /// When a line with this reason was last called news.
    var newsAt: ContinuousClock.Instant
  }

  private static let memory = Duration.seconds(60)
  private static let capacity = 256

  /// By server, as the C client writes it.
  private var failures: [String: Failure] = [:]

  /// Takes note of an error of the C client.
  ///
  /// - Returns: Whether it is worth a line in the log: not if the same was said of the same server within a minute.
  mutating func note(_ message: String, now: ContinuousClock.Instant) -> Bool {
    guard let (server, reason) = Self.parse(message) else { return true }
    if self.failures[server] == nil, self.failures.count >= Self.capacity { self.failures = [:] }
    let old = self.failures[server]
    let isNews = old.map { $0.reason != reason || now - $0.newsAt >= Self.memory } ?? true
    self.failures[server] = Failure(reason: reason, notedAt: now, newsAt: isNews ? now : old?.newsAt ?? now)
    return isNews
  }

  /// What is known of servers that failed within the last minute.
  func reasons(of hosts: String, now: ContinuousClock.Instant) -> [String] {
    hosts.split(separator: ",").compactMap { host in
      guard let colon = host.lastIndex(of: ":") else { return nil }
      let address = host[..<colon]
      let server = address.contains(":") ? "[\(address)]\(host[colon...])" : String(host)
      guard let failure = self.failures[server], now - failure.notedAt < Self.memory else { return nil }
      return "\(server) \(failure.reason)"
    }
  }

  /// Takes "Socket server zk retcode=-4, errno=111(Connection refused): …" apart.
  private static func parse(_ message: String) -> (server: String, reason: String)? {
    let words = message.split(separator: " ", maxSplits: 2)
    guard words.count == 3, words[0] == "Socket", let errno = words[2].firstRange(of: "errno=") else { return nil }
    let rest = words[2][errno.upperBound...]
    guard let number = Int32(rest.prefix { $0.isNumber }) else { return nil }
    return (String(words[1]), SystemError.ofConnection(number))
  }
}

extension String {
  /// The C client ends some lines with a line break of its own.
  fileprivate var withoutLineBreaks: String {
    guard let last = self.lastIndex(where: { !$0.isNewline }) else { return "" }
    return String(self[...last].map { $0.isNewline ? " " : $0 })
  }
}

nonisolated private func logLine(_ level: Int32, _ message: UnsafePointer<CChar>) {
  ClientLog.write(level, String(cString: message))
}

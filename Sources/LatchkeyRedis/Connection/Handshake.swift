internal import LatchkeyNetwork
internal import Latchkey

/// What a client and a server say to each other before the first command: version, user, database, and which run it is.
///
/// It ends with an answer that only a server gives which has accepted the client. An error that comes unasked, right after the
/// connection, cannot be told from the answer to the first question, so no error counts as one unless its words allow it.
struct Handshake {
  /// What to do next.
  enum Step {
    /// Send these, and go on with the replies.
    case send([RedisCommand])
    /// Wait for more replies.
    case wait
    /// The connection can be used.
    case done(info: String?)
    /// It cannot.
    case failed(Failure)
  }

  /// Why a connection cannot be used.
  struct Failure: Error, Hashable {
    /// What may help.
    enum Remedy: Hashable {
      /// Another connection, in RESP2.
      case olderProtocol
      /// Another connection, a little later.
      case anotherTry
    }

    var error: RedisError
    var remedy: Remedy?
  }

  private enum Question {
    case hello, authenticate, select, info, ping
  }

  private let configuration: RedisConnection.Configuration
  private var open: [Question] = []
  private var info: String?
  /// What a server has answered to `HELLO` that does not know it.
  private var refusal: String?

  init(_ configuration: RedisConnection.Configuration) {
    self.configuration = configuration
  }

  private var credential: RedisConnection.Configuration.Credential? { self.configuration.credential }

  /// What to begin with.
  mutating func start() -> Step {
    guard self.configuration.protocolVersion == .newest else { return self.authenticate() }
    self.open = [.hello]
    var words = ["HELLO", "3"]
    if let credential { words += ["AUTH", credential.user ?? "default", credential.password] }
    return .send([RedisCommand(words: words.map { Array($0.utf8) })])
  }

  /// What to do after a reply.
  mutating func received(_ reply: RedisValue) -> Step {
    guard !self.open.isEmpty else {
      return .failed(Failure(error: .malformed("a reply that nobody has asked for")))
    }
    let question = self.open.removeFirst()
    if case .error(let text) = reply { return self.refused(question, text) }
    switch (question, reply) {
    case (.hello, .map(let fields)) where Self.isSentinel(fields):
      return .failed(Failure(error: .sentinel(self.configuration.address)))
    case (.hello, _):
      let more = self.lastQuestions()
      return more.isEmpty ? .done(info: nil) : .send(more)
    case (.info, .string(let bytes)): self.info = String(decoding: bytes, as: UTF8.self)
    default: break
    }
    return self.next
  }

  private var next: Step { self.open.isEmpty ? .done(info: self.info) : .wait }

  /// The beginning in RESP2.
  private mutating func authenticate() -> Step {
    var commands: [RedisCommand] = []
    if let credential {
      self.open = [.authenticate]
      let words = ["AUTH"] + (credential.user.map { [$0] } ?? []) + [credential.password]
      commands = [RedisCommand(words: words.map { Array($0.utf8) })]
    }
    commands += self.lastQuestions()
    if commands.isEmpty {
      self.open = [.ping]
      commands = [RedisCommand("PING")]
    }
    return .send(commands)
  }

  private mutating func lastQuestions() -> [RedisCommand] {
    var commands: [RedisCommand] = []
    if self.configuration.database != 0 {
      self.open.append(.select)
      commands.append(RedisCommand("SELECT", String(self.configuration.database)))
    }
    if self.configuration.tracksServer {
      self.open.append(.info)
      commands.append(RedisCommand("INFO", "server"))
    }
    return commands
  }

  private static func isSentinel(_ fields: [RedisValue]) -> Bool {
    let pairs = zip(fields, fields.dropFirst())
    return pairs.contains { $0 == .string(Array("mode".utf8)) && $1 == .string(Array("sentinel".utf8)) }
  }
}

// MARK: Errors

extension Handshake {
  private mutating func refused(_ question: Question, _ text: String) -> Step {
    if text.hasPrefix("DENIED") || text.contains(Self.full) { return .failed(self.turnedAway(text)) }
    switch question {
    case .hello:
      // A server that knows the command says so to a wrong password: this one, or what stands before it, wants it by AUTH.
      let wantsAuthentication = text.hasPrefix("NOAUTH") && self.credential != nil
      guard wantsAuthentication || Self.isUnknown(text) || RedisError.reply(text).isTransient else {
        let isRefusal = text.hasPrefix("NOAUTH") || text.hasPrefix("WRONGPASS")
        return .failed(isRefusal ? self.notAuthorized(text) : self.turnedAway(text))
      }
      self.refusal = text
      return self.authenticate()
    case .authenticate: return .failed(self.notAuthorized(text))
    case .select:
      if text.hasPrefix("NOAUTH") { return .failed(self.notAuthorized(text)) }
      let what = "refuses database \(self.configuration.database)"
      return .failed(self.failure(text.hasPrefix("NOPERM") ? .notAuthorized : .invalidConfiguration, what, text))
    case .info:
      if text.hasPrefix("NOAUTH") { return .failed(self.notAuthorized(text)) }
      let isForbidden = text.hasPrefix("NOPERM")
      let what =
        "does not say which run it is, which Redlock must know" + (isForbidden ? " (allow the user +info)" : "")
      return .failed(self.failure(isForbidden ? .notAuthorized : .server, what, text))
    case .ping:
      if text.hasPrefix("NOAUTH") { return .failed(self.notAuthorized(text)) }
      // Errors about the command or the server's data are sent only to accepted clients.
      let isWelcome = text.hasPrefix("NOPERM") || Self.isUnknown(text) || RedisError.reply(text).isTransient
      return isWelcome ? self.next : .failed(self.turnedAway(text))
    }
  }

  private static let full = "max number of clients"

  /// Whether an answer is that of a server that does not know, or has been told not to know, a command of the handshake.
  private static func isUnknown(_ text: String) -> Bool {
    let words = text.lowercased()
    return ["hello", "noproto", "unknown command", "unsupported command"].contains { words.contains($0) }
  }

  /// What the end of the connection means that the server has closed, or reset, before it has accepted the client.
  func hungUp() -> Failure {
    guard let refusal else {
      let mayBeOlder = self.open.first == .hello
      return Failure(error: DialError.hungUp(self.configuration), remedy: mayBeOlder ? .olderProtocol : nil)
    }
    // Behind these words a server repeats what it was sent, cut short where it likes.
    let words = refusal.prefix(upTo: refusal.firstRange(of: ", with args")?.lowerBound ?? refusal.endIndex)
    let what = "answered HELLO with \"\(self.withoutPassword(String(words)))\", and closed the connection"
    return Failure(
      error: .unreachable("The server at \(self.configuration.address) \(what)", .turnedAway(isFull: false))
    )
  }

  private func turnedAway(_ text: String) -> Failure {
    let what = "does not take the connection"
    let isForbidden = text.hasPrefix("DENIED")
    var failure = self.failure(isForbidden ? .notAuthorized : .unreachable, what, text)
    failure.error.trouble = .turnedAway(isFull: text.contains(Self.full))
    failure.remedy = isForbidden ? nil : .anotherTry
    return failure
  }

  private func notAuthorized(_ text: String) -> Failure {
    let who = self.credential.map { "the user \"\($0.user ?? "default")\"" } ?? "a client without a password"
    return self.failure(.notAuthorized, "refuses \(who)", text)
  }

  private func failure(_ code: RedisError.Code, _ what: String, _ text: String) -> Failure {
    let message = "The server at \(self.configuration.address) \(what): \(self.withoutPassword(text))"
    return Failure(error: RedisError(code, message))
  }

  /// A server's text may repeat what it was sent.
  private func withoutPassword(_ text: String) -> String {
    guard let password = self.credential?.password, !password.isEmpty else { return text }
    // A short password is part of many words and reveals nothing there.
    let isShort = password.count < 8
    func isWord(_ character: Character?) -> Bool { character.map { $0.isLetter || $0.isNumber } ?? false }
    var result = ""
    var rest = text[...]
    while let match = rest.firstRange(of: password) {
      let before = rest[..<match.lowerBound]
      let isPart = isWord((before.last ?? result.last)) || isWord(rest[match.upperBound...].first)
      result += before + (isShort && isPart ? password : "<hidden>")
      rest = rest[match.upperBound...]
    }
    return result + rest
  }
}

extension RedisError {
  fileprivate static func sentinel(_ address: String) -> RedisError {
    RedisError(
      .invalidConfiguration,
      "At \(address) runs a Sentinel, which has no keys; name the master's own port, which it tells "
        + "(SENTINEL GET-MASTER-ADDR-BY-NAME)."
    )
  }
}

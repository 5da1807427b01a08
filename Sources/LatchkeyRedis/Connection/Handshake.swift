/// What a client and a server say to each other before the first command: version, user, database, and which run it is.
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
    case failed(RedisError)
  }

  private enum Question {
    case hello, authenticate, select, info
  }

  private let address: String
  private let credential: RedisConnection.Configuration.Credential?
  private let database: Int
  private let asksForRun: Bool
  private let version: RedisConnection.Configuration.ProtocolVersion
  private var open: [Question] = []
  private var info: String?

  init(_ configuration: RedisConnection.Configuration) {
    self.address = configuration.address
    self.credential = configuration.credential
    self.database = configuration.database
    self.asksForRun = configuration.tracksServer
    self.version = configuration.protocolVersion
  }

  /// What to begin with.
  mutating func start() -> Step {
    guard self.version == .newest else { return self.authenticate() }
    self.open = [.hello]
    var words = ["HELLO", "3"]
    if let credential { words += ["AUTH", credential.user ?? "default", credential.password] }
    return .send([RedisCommand(words: words.map { Array($0.utf8) })])
  }

  /// What to do after a reply.
  mutating func received(_ reply: RedisValue) -> Step {
    guard !self.open.isEmpty else {
      return .failed(.malformed("a reply that nobody has asked for"))
    }
    let question = self.open.removeFirst()
    switch (question, reply) {
    case (.hello, .error(let text)):
      if text.hasPrefix("NOAUTH") || text.hasPrefix("WRONGPASS") { return .failed(self.refused(text)) }
      // Older than the command, or told not to know it. Its text may repeat the password, so it goes nowhere.
      return self.authenticate()
    case (.hello, _): return self.proceed([])
    case (.authenticate, .error(let text)): return .failed(self.refused(text))
    case (.select, .error(let text)):
      if text.hasPrefix("NOAUTH") { return .failed(self.refused(text)) }
      let advice = "The server at \(self.address) refuses database \(self.database): \(self.withoutPassword(text))"
      return .failed(RedisError(text.hasPrefix("NOPERM") ? .notAuthorized : .invalidConfiguration, advice))
    case (.info, .error(let text)):
      if text.hasPrefix("NOAUTH") { return .failed(self.refused(text)) }
      let advice = "The server at \(self.address) does not say which run it is (INFO server), which Redlock must know: "
      return .failed(
        RedisError(text.hasPrefix("NOPERM") ? .notAuthorized : .server, advice + self.withoutPassword(text))
      )
    case (.info, .string(let bytes)): self.info = String(decoding: bytes, as: UTF8.self)
    default: break
    }
    return self.open.isEmpty ? .done(info: self.info) : .wait
  }

  /// The beginning in RESP2.
  private mutating func authenticate() -> Step {
    guard let credential else { return self.proceed([]) }
    self.open = [.authenticate]
    let words = ["AUTH"] + (credential.user.map { [$0] } ?? []) + [credential.password]
    return self.proceed([RedisCommand(words: words.map { Array($0.utf8) })])
  }

  private mutating func proceed(_ first: [RedisCommand]) -> Step {
    var commands = first
    if self.database != 0 {
      self.open.append(.select)
      commands.append(RedisCommand("SELECT", String(self.database)))
    }
    if self.asksForRun {
      self.open.append(.info)
      commands.append(RedisCommand("INFO", "server"))
    }
    return commands.isEmpty ? .done(info: nil) : .send(commands)
  }

  private func refused(_ text: String) -> RedisError {
    let who = self.credential.map { "the user \"\($0.user ?? "default")\"" } ?? "a client without a password"
    return RedisError(
      .notAuthorized,
      "The server at \(self.address) refuses \(who): \(self.withoutPassword(text))"
    )
  }

  /// A server's text may repeat what it was sent.
  private func withoutPassword(_ text: String) -> String {
    guard let password = self.credential?.password, !password.isEmpty else { return text }
    return text.split(separator: password, omittingEmptySubsequences: false).joined(separator: "<hidden>")
  }
}

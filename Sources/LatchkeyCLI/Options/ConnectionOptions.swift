internal import ArgumentParser
internal import Latchkey

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// How to reach the backend: the options that all commands with a URL share.
struct ConnectionOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "How long servers keep the locks of a silent client (default: 30s at ZooKeeper, 15s at etcd).",
      valueName: "duration"
    ),
    transform: durationOption
  )
  var sessionTimeout: Duration?

  @Option(
    help: ArgumentHelp(
      "How long Redis keeps a lock that its holder does not extend (default: 30s); elsewhere as --session-timeout, which in turn means the same here.",
      valueName: "duration"
    ),
    transform: durationOption
  )
  var ttl: Duration?

  @Option(
    help: ArgumentHelp(
      "The servers' tickTime; a session timeout must be at least four of it (default: 2s).",
      valueName: "duration"
    ),
    transform: durationOption
  )
  var tick: Duration?

  @Option(
    help: ArgumentHelp("A file that holds the password; LATCHKEY_PASSWORD works too.", valueName: "path"),
    completion: .file()
  )
  var passwordFile: String?

  @Option(help: ArgumentHelp("A word that tells others who holds the lock.", valueName: "word"))
  var label: String?

  @OptionGroup
  var tls: TLSOptions

  func validate() throws {
    if let sessionTimeout, sessionTimeout <= .zero { throw ValidationError("--session-timeout must be above zero") }
    if let ttl, ttl <= .zero { throw ValidationError("--ttl must be above zero") }
    if self.ttl != nil, self.sessionTimeout != nil {
      throw ValidationError("--ttl and --session-timeout set the same time: leave out one of them")
    }
    if self.label?.isEmpty == true { throw ValidationError("--label is empty: write a word, or leave it out") }
    if let tick, tick <= .zero { throw ValidationError("--tick must be above zero") }
  }

  /// What was given for the time that servers keep a silent client's locks, to be given again.
  var timeoutArguments: [String] {
    (self.sessionTimeout.map { ["--session-timeout", DurationText.format($0)] } ?? [])
      + (self.ttl.map { ["--ttl", DurationText.format($0)] } ?? [])
  }

  /// What was given for the servers' tick, to be given again.
  var tickArguments: [String] { self.tick.map { ["--tick", DurationText.format($0)] } ?? [] }

  /// Puts the options, and the password from wherever it is, into a URL. Options win over what the URL says.
  ///
  /// - Parameters:
  ///   - url: The URL.
  ///   - isOneOfSeveral: Whether there are other URLs that some options may be meant for.
  func apply(to url: LockURL, isOneOfSeveral: Bool = false) throws -> LockURL {
    var url = url
    try self.tls.apply(to: &url, isOneOfSeveral: isOneOfSeveral)
    if let label { url.label = label }
    if let timeToLive = self.ttl ?? self.sessionTimeout { url.timeToLive = timeToLive }
    if let passwordFile {
      url.password = try Self.password(in: passwordFile)
    } else if url.password == nil, let password = ProcessInfo.processInfo.environment["LATCHKEY_PASSWORD"],
      !password.isEmpty
    {
      url.password = password
    }
    return url
  }

  /// The one line of a password file, with or without the character that ends it.
  private static func password(in file: String) throws -> String {
    guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
      throw CommandFailure(.usage, "cannot read the password file \(file); check its path and permissions")
    }
    let password = text.prefix { !$0.isNewline }
    // What it means that a password comes second, or goes on, is anybody's guess: better none than a wrong one.
    guard text[password.endIndex...].dropFirst().isEmpty else {
      throw CommandFailure(.usage, "the password file \(file) has more than one line; leave only the password in it")
    }
    guard !password.isEmpty else {
      throw CommandFailure(.usage, "the password file \(file) is empty; write the password into it, or leave it out")
    }
    return String(password)
  }
}

internal import ArgumentParser
internal import Latchkey
internal import LatchkeyProcesses

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
    help: ArgumentHelp(
      "A file or pipe that holds the password, such as /dev/stdin; LATCHKEY_PASSWORD works too.",
      valueName: "path"
    ),
    completion: .file()
  )
  var passwordFile: String?

  @Option(help: ArgumentHelp("A word that shows others who holds the lock.", valueName: "word"))
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
      url.password = try PasswordFile.password(in: passwordFile)
    } else if url.password == nil, let text = Environment.value("LATCHKEY_PASSWORD") {
      // Secrets that were made from a file often end as the file did.
      let password = text.hasSuffix("\n") || text.hasSuffix("\r\n") ? String(text.dropLast()) : text
      if !password.isEmpty { url.password = password }
    }
    return url
  }
}

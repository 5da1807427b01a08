internal import ArgumentParser
internal import Latchkey

/// `latchkey verify`: faults on purpose, and a check of what the locks did.
struct VerifyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Inject faults into real servers and clients, and check that every promise of the lock was kept.",
    discussion: """
      Client processes contend for one lock on servers behind fault proxies, and write to a resource that refuses stale \
      tokens, while faults happen on a schedule made from the seed. Everything is recorded and then judged: no two clients \
      held the lock at once; tokens grew, and none was missing where the backend promises them; the resource accepted no \
      stale write; every loss was told by the deadline to every client that could run, also to those that did not look; no \
      call outlasted its budget; no client crashed; every client got the lock again after the faults; nothing is left on \
      the servers.

      \(FaultKind.allCases.map { "  \($0.rawValue)\(String(repeating: " ", count: 11 - $0.rawValue.count))\($0.summary)" }.joined(separator: "\n"))

      With a URL, only clients and their connections are harmed. Over TLS the proxies pass on encrypted bytes, so clients \
      check the servers' certificates as ever: by the names in the URL, or by --server-name. What a backend does not \
      promise (its key deleted by hand), and known defects of servers (etcd issue 15247), are named in the verdict and are \
      no pass. --sabotage shows that a broken client is found out. Ctrl-C ends the run early: what was recorded is judged, \
      and what cannot be is named.

      EXAMPLES
        All faults on an ensemble of three, a picture of what happened:
          latchkey verify --serve zookeeper:3 --report verify.html
        One Redis server, Redlock, an etcd cluster:
          latchkey verify --serve redis
          latchkey verify --serve redis:5 --faults kill,cut
          latchkey verify --serve etcd:3 --duration 2m
        The schedule of an earlier run:
          latchkey verify --serve redis --seed 42
        Servers of your own:
          latchkey verify redis://localhost/verify --duration 1m
          latchkey verify rediss://redis.internal/verify --ca-file ca.pem
        A client that ignores deadlines is found out:
          latchkey verify --serve redis --faults pause --sabotage ignore-deadline
        So is one that reports a loss only when it is asked:
          latchkey verify --serve redis --faults cut --sabotage silent-loss

      EXIT STATUS
        0      every promise was kept, or what was not is explained and not promised
        1      a violation, or no fault had any effect
        64     wrong usage
        69     the servers cannot be reached or started
        128+n  ended by signal n, after what was found so far was printed
      """
  )

  @Argument(help: "The lock, at servers that are not to be harmed.")
  var url: String?

  @Option(help: ArgumentHelp("Start throw-away servers to be harmed.", valueName: "name[:n]"))
  var serve: String?

  @Option(
    help: ArgumentHelp("The kinds of faults (default: all that can be done).", valueName: "kind,…"),
    transform: Self.kinds
  )
  var faults: [FaultKind]?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The number that the schedule is made from (default: a random one).", valueName: "n")
  )
  var seed: UInt64?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("For how long there are faults (default: 30s).", valueName: "duration"),
    transform: durationOption
  )
  var duration: Duration = .seconds(30)

  @Option(parsing: .unconditional, help: "How many client processes contend.")
  var processes = 4

  @Option(parsing: .unconditional, help: "How many tasks contend in each process.")
  var workers = 2

  @Option(help: ArgumentHelp("Write a self-contained page with a timeline.", valueName: "file.html"))
  var report: String?

  @Option(help: ArgumentHelp("Write all that was recorded, a line of JSON each.", valueName: "file.jsonl"))
  var history: String?

  @Flag(help: "Print one JSON object and nothing else.")
  var json = false

  @Option(
    help: ArgumentHelp(
      "Break something on purpose, to see it found out: \(Sabotage.allCases.map(\.rawValue).joined(separator: ", ")).",
      valueName: "what"
    )
  )
  var sabotage: Sabotage?

  @Flag(name: .shortAndLong, help: "Show no progress.")
  var quiet = false

  @OptionGroup(title: "Connection")
  var connection: ConnectionOptions

  func validate() throws {
    guard (self.url == nil) != (self.serve == nil) else {
      throw ValidationError("give either the URL of a lock, or --serve for servers that may be harmed")
    }
    guard (1...64).contains(self.processes) else { throw ValidationError("--processes must be from 1 to 64") }
    guard (1...64).contains(self.workers) else { throw ValidationError("--workers must be from 1 to 64") }
    guard (Duration.seconds(1)...Duration.seconds(86_400)).contains(self.duration) else {
      throw ValidationError("--duration must be from 1s to 24h")
    }
  }

  func run() async throws {
    var settings = VerifySettings(seed: self.seed ?? UInt64.random(in: 1...999_999), kinds: try self.chosenFaults())
    settings.duration = self.duration
    settings.processes = self.processes
    settings.workers = self.workers
    settings.sabotage = self.sabotage
    for file in [self.report, self.history].compactMap({ $0 }) { try ReportFile.check(file) }
    let interruption = try Interruption()
    let progress = Progress(isQuiet: self.quiet || (self.json && !Console.errorIsTerminal))
    let (prepared, command) = (settings, self)
    let outcome = try await interruption.run {
      defer { progress.clear() }
      return try await command.verify(prepared, progress)
    }
    try Console.output(self.json ? try JSON.encode(VerifyReport(outcome)) : outcome.text)
    if let history { try ReportFile.write(try outcome.historyText(), to: history) }
    if let report {
      try ReportFile.write(VerifyPage(outcome).html, to: report)
      if !self.json { Console.note("the page is \(report)") }
    }
    if outcome.verdict == .violated { throw CommandFailure(.failed, "a promise was broken; see the violations") }
    if let signal = interruption.signal { throw CommandFailure(.signal(signal), nil) }
    if outcome.verdict == .toothless {
      throw CommandFailure(
        .failed,
        "no fault had an effect, so nothing is proven; use a longer --duration or more --faults"
      )
    }
  }

  private func verify(_ settings: VerifySettings, _ progress: Progress) async throws -> VerifyOutcome {
    var settings = settings
    guard let serve else {
      let url = try self.connection.apply(to: LockURL(self.url ?? ""))
      try Self.check(url)
      settings.target = [url.description] + self.connection.tickArguments
      settings.timeToLive = Self.timeToLive(at: url, tick: self.connection.tick)
      let lockURL = Self.url(url, settings)
      // Report what cannot work, or is not there, before anything is harmed.
      progress.say("looking whether the lock can be used")
      try await Backends.backend(for: lockURL).withLocks(at: lockURL, tick: self.connection.tick) { locks in
        guard let lease = try await locks.lock(lockURL.name).tryAcquire() else { return }
        try await lease.release()
      }
      return try await VerifyRun(
        settings: settings,
        url: lockURL,
        tick: self.connection.tick,
        servers: nil,
        progress: progress
      ).run()
    }
    let (kind, count) = try Backends.servers(serve)
    progress.say("starting \(serve)")
    let prepared = settings
    return try await kind.withServers(count: count, harmed: true) { servers in
      var settings = prepared
      let url = try self.connection.apply(to: LockURL(servers.base + "verify"))
      settings.timeToLive = url.timeToLive ?? settings.timeToLive
      settings.target = ["--serve", serve] + self.connection.timeoutArguments + self.connection.tickArguments
      return try await VerifyRun(
        settings: settings,
        url: Self.url(url, settings),
        tick: self.connection.tick ?? servers.tick,
        servers: servers,
        progress: progress
      ).run()
    }
  }

  /// How long sessions, leases or keys live on the user's own servers, unless the user says: a short time, so that much happens,
  /// but for ZooKeeper no less than can be proven.
  static func timeToLive(at url: LockURL, tick: Duration?) -> Duration {
    if let timeToLive = url.timeToLive { return timeToLive }
    guard url.scheme == .zookeeper else { return .seconds(4) }
    return max(.seconds(4), (tick ?? .seconds(2)) * 4)
  }

  /// The lock as the clients are to use it.
  private static func url(_ url: LockURL, _ settings: VerifySettings) -> LockURL {
    var url = url
    url.timeToLive = settings.timeToLive
    return url
  }

  private static func check(_ url: LockURL) throws {
    guard !url.scheme.isInProcess else {
      throw CommandFailure(.usage, "\(url.scheme.rawValue): locks have no server and no connection to harm")
    }
    // The address that is connected to is compared with the certificate, and that is the one of a proxy.
    let host = url.hosts.first { $0.isAddress && $0.name != ClientWiring.address && $0.serverName == nil }
    if url.scheme.usesTLS, let host {
      throw CommandFailure(
        .usage,
        "\(host): clients reach it through a proxy on this machine, where its certificate cannot be checked by an address; "
          + "write a name that stands in it, or give the name with --server-name"
      )
    }
  }

  /// The faults that were asked for, or all that can be done.
  private func chosenFaults() throws -> Set<FaultKind> {
    var possible = Set(FaultKind.allCases)
    var missing: [FaultKind: String] = [:]
    if self.serve == nil {
      missing[.expire] = "sessions are ended at the servers, which are yours"
      missing[.partition] = "the servers are yours"
    } else if let serve, try !Self.canPartition(serve) {
      missing[.partition] = "there are no members with a leader; use zookeeper:3 or etcd:3"
    }
    if !FakeClock.isAvailable {
      missing[.clock] = FakeClock.advice
    }
    possible.subtract(missing.keys)
    guard let faults else { return possible }
    for kind in faults {
      if let reason = missing[kind] { throw CommandFailure(.usage, "--faults \(kind.rawValue): \(reason)") }
    }
    return Set(faults)
  }

  private static func canPartition(_ serve: String) throws -> Bool {
    let (kind, count) = try Backends.servers(serve)
    return count >= 3 && kind.name != "redis"
  }

  @Sendable
  private static func kinds(_ text: String) throws -> [FaultKind] {
    let known = FaultKind.allCases.map(\.rawValue).joined(separator: ",")
    guard !text.isEmpty else { throw ValidationError("no kind of fault is named; write some of \(known)") }
    return try text.split(separator: ",", omittingEmptySubsequences: false).map { word in
      guard let kind = FaultKind(rawValue: String(word)) else {
        throw ValidationError("\"\(word)\" is not a kind of fault; write some of \(known)")
      }
      return kind
    }
  }
}

extension Sabotage: ExpressibleByArgument {}

internal import ArgumentParser
internal import Latchkey

/// `latchkey serve`: throw-away servers until Ctrl-C.
struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Start throw-away servers on this machine, and remove them on Ctrl-C.",
    discussion: """
      The servers listen on free loopback ports and keep their data in a temporary folder. When all of them answer, their \
      URLs are printed on standard output, a line each: add the name of a lock to one, and other commands can use it. On \
      Ctrl-C or TERM, and at the latest when this process is killed, the servers end and their folders are removed.

      Servers: \(Backends.servers.map(\.name).joined(separator: ", ")). Several of redis are independent, for Redlock.

      \(CommonHelp.freshRedlock)

      EXAMPLES
        One ZooKeeper server; in another terminal, with the URL that was printed:
          latchkey serve zookeeper
          latchkey contend zookeeper://127.0.0.1:23456/orders --tick 200ms
        An ensemble of three, and a server alone:
          latchkey serve zookeeper:3 zookeeper
        For a script:
          latchkey serve zookeeper --json > servers.json & pid=$!
          until [ -s servers.json ]; do sleep 0.1; done
          url=$(jq -r '.[0].url' servers.json)
          ...
          kill $pid

      EXIT STATUS
        64     wrong usage
        69     servers could not be started
        128+n  ended by signal n, as it should be: 130 after Ctrl-C, 143 after TERM
      """
  )

  @Argument(
    help: ArgumentHelp("The servers, such as zookeeper:3.", valueName: "name[:n]"),
    completion: Completions.servers
  )
  var servers: [String]

  @Flag(help: "Print one array of JSON objects: servers, url, tick, version.")
  var json = false

  @Flag(name: .shortAndLong, help: "Print nothing but the URLs.")
  var quiet = false

  /// Servers that run, as `--json` prints them.
  struct Served: Codable, Hashable, Sendable {
    var servers: String
    /// A URL up to the name of a lock.
    var url: String
    var tick: String?
    var version: String?

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(self.servers, forKey: .servers)
      try container.encode(self.url, forKey: .url)
      // Written even if nil: a field that comes and goes is a trap for scripts.
      try container.encode(self.tick, forKey: .tick)
      try container.encode(self.version, forKey: .version)
    }
  }

  /// Servers from which no lock can be had at first.
  private struct Quarantine {
    var servers: String
    var length: Duration
  }

  func run() async throws {
    let kinds = try self.servers.map { try Backends.servers($0) }
    let interruption = try Interruption()
    do {
      try await interruption.run { try await self.serve(kinds[...], [], []) }
    } catch {
      if let signal = interruption.signal { throw CommandFailure(.signal(signal), nil) }
      throw error
    }
  }

  /// Starts the servers one after the other, and waits for the end when all run.
  private func serve(
    _ kinds: ArraySlice<(kind: any ServerKind, count: Int)>,
    _ running: [Served],
    _ quarantines: [Quarantine]
  ) async throws {
    guard let (kind, count) = kinds.first else {
      try self.announce(running)
      self.announce(quarantines)
      if !self.quiet { Console.note("Ctrl-C ends and removes everything") }
      while true { try await Task.sleep(for: .seconds(3600)) }
    }
    let name = self.servers[running.count]
    if !self.quiet { Console.note("starting \(name)") }
    try await kind.withServers(count: count) { served in
      let tick = served.tick.map { DurationText.format($0) }
      let next = Served(servers: name, url: served.base, tick: tick, version: served.version)
      let quarantine = served.quarantine.map { Quarantine(servers: name, length: $0) }
      try await self.serve(kinds.dropFirst(), running + [next], quarantines + (quarantine.map { [$0] } ?? []))
    }
  }

  private func announce(_ running: [Served]) throws {
    if self.json {
      try Console.output(try JSON.encode(running))
    } else {
      for served in running { try Console.output(served.url) }
    }
    guard !self.quiet else { return }
    for served in running {
      let tick = served.tick.map { " --tick \($0)" } ?? ""
      Console.note("\(served.version ?? served.servers) runs; try: latchkey contend '\(served.url)orders'\(tick)")
    }
  }

  /// Nobody should wonder what a first command waits for.
  private func announce(_ quarantines: [Quarantine]) {
    guard !self.quiet else { return }
    for quarantine in quarantines {
      let length = DurationText.format(quarantine.length)
      Console.note(
        "the locks of \(quarantine.servers) can be had from \(length) after now on: until then each server might have "
          + "forgotten a lock at its start and has no vote; less with a shorter --ttl"
      )
    }
  }
}

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
    @OrNull var tick: String? = nil
    @OrNull var version: String? = nil
  }

  func run() async throws {
    let kinds = try self.servers.map { try Backends.servers($0) }
    let interruption = try Interruption()
    try await interruption.run { try await self.serve(kinds[...], []) }
  }

  /// Starts the servers one after the other, and waits for the end when all run.
  private func serve(
    _ kinds: ArraySlice<(kind: any ServerKind, count: Int)>,
    _ running: [any ServedServers]
  ) async throws {
    guard let (kind, count) = kinds.first else {
      try self.announce(running)
      if !self.quiet { Console.note("Ctrl-C ends and removes everything") }
      while true { try await Task.sleep(for: .seconds(3600)) }
    }
    if !self.quiet { Console.note("starting \(self.servers[running.count])") }
    try await kind.withServers(count: count, harmed: false) { served in
      try await self.serve(kinds.dropFirst(), running + [served])
    }
  }

  private func announce(_ running: [any ServedServers]) throws {
    let all = zip(self.servers, running).map { name, served in
      let tick = served.tick.map { DurationText.format($0) }
      return Served(servers: name, url: served.base, tick: tick, version: served.version)
    }
    if self.json {
      try Console.output(try JSON.encode(all))
    } else {
      for served in all { try Console.output(served.url) }
    }
    guard !self.quiet else { return }
    for (served, servers) in zip(all, running) {
      let tick = served.tick.map { " --tick \($0)" } ?? ""
      Console.note("\(served.version ?? served.servers) runs; try: latchkey contend '\(served.url)orders'\(tick)")
      // Nobody should wonder what a first command waits for.
      guard let quarantine = servers.quarantine else { continue }
      Console.note(
        "the locks of \(served.servers) can be had from \(DurationText.format(quarantine)) after now on: until then each "
          + "server might have forgotten a lock at its start and has no vote; less with a shorter --ttl"
      )
    }
  }
}

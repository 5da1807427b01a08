internal import ArgumentParser
internal import Latchkey

/// `latchkey choose`: which backend for which need.
struct ChooseCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "choose",
    abstract: "Show what each backend promises, and which ones fit a need.",
    discussion: """
      Prints what becomes of a lock when its holder is paused, a server crashes, the network is cut or a clock is stepped; \
      which backends have fencing tokens and are fair; and what has to run for it. With needs, it says which backends fit, \
      and why the others do not. It asks no server, and measures only with --measure.

      EXAMPLES
        The whole table:
          latchkey choose
        Locks across machines that no late writer breaks, and that outlive a server:
          latchkey choose --across-processes --fencing --survive-minority
        Redis runs already, and nothing else shall:
          latchkey choose --across-processes --no-extra-servers --have redis
        With latencies measured on this machine:
          latchkey choose --measure --serve zookeeper

      EXIT STATUS
        0   something fits, or nothing was asked for
        1   nothing fits
        64  wrong usage
        69  servers that were to be measured could not be reached or started
      """
  )

  @Flag(help: "The lock must hold between processes and machines.")
  var acrossProcesses = false

  @Flag(help: "Grants must carry a fencing token.")
  var fencing = false

  @Flag(help: "First come, first served, among all processes.")
  var fair = false

  @Flag(help: "It must go on working when a minority of the servers is gone.")
  var surviveMinority = false

  @Flag(help: "No lock may be granted twice because a server crashed, restarted or was replaced.")
  var surviveRestart = false

  @Flag(help: "No lock may be granted twice because a server's clock was set.")
  var clockJumps = false

  @Flag(help: "No servers are to be run for it, except those of --have.")
  var noExtraServers = false

  @Option(
    help: ArgumentHelp("A backend whose servers run already; may be repeated.", valueName: "name"),
    completion: .list(BackendFacts.all.filter(\.needsServers).map(\.backend))
  )
  var have: [String] = []

  @Flag(help: "Measure the in-process locks.")
  var measure = false

  @Option(
    help: ArgumentHelp("Start throw-away servers and measure them; may be repeated.", valueName: "name[:n]"),
    completion: Completions.servers
  )
  var serve: [String] = []

  @Argument(
    help: ArgumentHelp("Locks on your own servers to measure.", valueName: "url"),
    completion: Completions.urls
  )
  var urls: [String] = []

  @Flag(help: "Print an array of JSON objects.")
  var json = false

  @Flag(name: .shortAndLong, help: "Show no progress of measurements.")
  var quiet = false

  @OptionGroup(title: "Connection")
  var connection: ConnectionOptions

  /// A backend, as `--json` prints it.
  struct Answer: Encodable, Sendable {
    var facts: BackendFacts
    var fits: Bool
    var objections: [String]
    /// Whether this command can use it.
    var isBuiltIn: Bool
    var latencyMicroseconds: WorkloadReport.Latency?

    private enum CodingKeys: String, CodingKey {
      case fits, objections, isBuiltIn, latencyMicroseconds
    }

    func encode(to encoder: any Encoder) throws {
      try self.facts.encode(to: encoder)
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(self.fits, forKey: .fits)
      try container.encode(self.objections, forKey: .objections)
      try container.encode(self.isBuiltIn, forKey: .isBuiltIn)
      // Written even if nil: not measured is an answer, too.
      try container.encode(self.latencyMicroseconds, forKey: .latencyMicroseconds)
    }
  }

  func validate() throws {
    let known = BackendFacts.all.filter(\.needsServers).map(\.backend)
    for name in self.have where !known.contains(name) {
      throw ValidationError("--have \(name): no such backend; write one of: \(known.joined(separator: ", "))")
    }
  }

  func run() async throws {
    let sources = try BenchSource.all(
      urls: (self.measure ? ["local:choose", "channel:choose"] : []) + self.urls,
      serve: self.serve,
      connection: self.connection
    )
    let (latencies, failure) = try await self.latencies(sources)
    let choices = Choice.all(for: self.needs, having: Set(self.have))
    try Console.output(
      self.json
        ? try JSON.encode(choices.map { self.answer($0, latencies) })
        : ChoiceTable(choices: choices, needs: self.needs, latencies: latencies).text
    )
    if let failure { throw failure }
    // What does not fit was said on standard output.
    guard choices.contains(where: \.fits) else { throw CommandFailure(.failed, nil) }
  }

  private var needs: Set<Need> {
    let flags: [(Need, Bool)] = [
      (.acrossProcesses, self.acrossProcesses), (.fencing, self.fencing), (.fair, self.fair),
      (.surviveMinority, self.surviveMinority), (.surviveRestart, self.surviveRestart),
      (.clockJumps, self.clockJumps), (.noExtraServers, self.noExtraServers),
    ]
    return Set(flags.filter(\.1).map(\.0))
  }

  private func answer(_ choice: Choice, _ latencies: [String: WorkloadReport.Latency]) -> Answer {
    let builtIn = Backends.all.flatMap(\.schemes).map(\.backendKind)
    return Answer(
      facts: choice.facts,
      fits: choice.fits,
      objections: choice.objections,
      isBuiltIn: builtIn.contains(choice.facts.backend),
      latencyMicroseconds: latencies[choice.facts.backend]
    )
  }

  /// Measures an uncontended acquire for half a second on each backend that was named, and on no other.
  private func latencies(
    _ sources: [BenchSource]
  ) async throws -> (latencies: [String: WorkloadReport.Latency], failure: CommandFailure?) {
    guard !sources.isEmpty else { return ([:], nil) }
    let interruption = try Interruption()
    let connection = self.connection
    let settings = BenchSettings(workloads: [.uncontended], repetitions: 1, duration: .milliseconds(500))
    let progress = Progress(isQuiet: self.quiet || (self.json && !Console.errorIsTerminal), silence: .seconds(5))
    let outcome = try await interruption.run {
      await Bench(sources, settings: settings, progress: progress) {
        try connection.apply(to: $0, isOneOfSeveral: true)
      }.run()
    }
    if let signal = interruption.signal { throw CommandFailure(.signal(signal), nil) }
    var latencies: [String: WorkloadReport.Latency] = [:]
    for result in outcome.results(of: .uncontended) {
      // Of several of a kind, the first that was named.
      let latency = latencies[result.target.kind] ?? result.report.workload.latencyMicroseconds
      latencies[result.target.kind] = latency
    }
    return (latencies, outcome.failure)
  }
}

internal import ArgumentParser
internal import Latchkey

/// `latchkey bench`: the same workloads on several backends, side by side.
struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure backends side by side, in turns, so that noise falls on all of them.",
    discussion: """
      Every workload runs on every backend for --duration, after a warm-up, --repetitions times over; the backends take \
      turns. Shown are medians of the repetitions, the best of each row marked with *: among the in-process locks, and \
      among those of servers.

        uncontended  1 worker takes and gives back 1 lock
        handoff      16 workers take turns with 1 lock
        manylocks    64 workers take 1,000 locks at random
        trybusy      tries on a lock that another client holds
        crowd        1,000 waiters queue for 1 lock, then it drains

      p50 and p99 are times from asking for the lock to having it; of trybusy, to the answer "busy"; of crowd, from the \
      first release to having it. All workers run in this process. Every lock protects a counter, and every token is \
      compared: a lock that fails to keep workers apart is found out here, too. Locks are made under the name that the \
      URL gives, up to 1,000 of them.

      EXAMPLES
        The in-process locks, on a bare machine:
          latchkey bench
        With throw-away servers, and a page with pictures:
          latchkey bench --serve zookeeper --serve zookeeper:3 --report bench.html
        Servers of your own, for scripts:
          latchkey bench zookeeper://zk1,zk2,zk3/bench --json
        A first impression in seconds; one workload, longer:
          latchkey bench --quick
          latchkey bench --workload handoff --duration 10s --repetitions 5

      EXIT STATUS
        0      everything was measured
        1      a lock did not keep its promise
        64     wrong usage
        69     a backend could not be reached or started; the others were measured
        75     no grant for a long time: somebody else uses the same locks
        128+n  ended by signal n, after what was measured so far was printed
      """
  )

  @Argument(
    help: ArgumentHelp("Backends besides the in-process locks, each as the URL of a lock.", valueName: "url"),
    completion: Completions.urls
  )
  var urls: [String] = []

  @Option(
    help: ArgumentHelp("Start throw-away servers and measure them; may be repeated.", valueName: "name[:n]"),
    completion: Completions.servers
  )
  var serve: [String] = []

  @Flag(help: "Leave the in-process locks out.")
  var noLocal = false

  @Option(help: ArgumentHelp("Run this workload only; may be repeated.", valueName: "name"))
  var workload: [BenchWorkload] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("How often each workload is measured (default: 3).", valueName: "n")
  )
  var repetitions: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("How long each measurement runs (default: 1s).", valueName: "duration"),
    transform: durationOption
  )
  var duration: Duration?

  @Flag(help: "One repetition of 200ms: a first impression.")
  var quick = false

  @Option(
    help: ArgumentHelp("Write a self-contained page with pictures.", valueName: "file.html"),
    completion: .file(extensions: ["html"])
  )
  var report: String?

  @Flag(help: "Print an array of JSON objects and nothing else.")
  var json = false

  @Flag(name: .shortAndLong, help: "Show no progress.")
  var quiet = false

  @OptionGroup(title: "Connection")
  var connection: ConnectionOptions

  func validate() throws {
    if let repetitions, !(1...1000).contains(repetitions) {
      throw ValidationError("--repetitions must be from 1 to 1000")
    }
    if let duration, !(Duration.milliseconds(10)...Duration.seconds(3600)).contains(duration) {
      throw ValidationError("--duration must be from 10ms to 1h")
    }
    if self.noLocal, self.urls.isEmpty, self.serve.isEmpty {
      throw ValidationError("--no-local leaves nothing to measure: add --serve, or the URL of a lock")
    }
    if self.quick, self.repetitions != nil || self.duration != nil {
      throw ValidationError("--quick sets --repetitions and --duration itself: leave out either")
    }
  }

  func run() async throws {
    let sources = try self.sources()
    if let report { try ReportFile.check(report) }
    let interruption = try Interruption()
    let (settings, connection) = (self.settings, self.connection)
    let progress = Progress(isQuiet: self.quiet || (self.json && !Console.errorIsTerminal), silence: .seconds(5))
    let outcome = try await interruption.run {
      await Bench(sources, settings: settings, progress: progress) {
        try connection.apply(to: $0, isOneOfSeveral: true)
      }.run()
    }
    if interruption.signal != nil { Console.note("interrupted; measured so far:") }
    if outcome.targets.isEmpty, !self.json, let failure = outcome.failure, interruption.signal == nil {
      // Why each is left out was reported; an empty table adds nothing.
      throw CommandFailure(code: failure.code, nil)
    }
    try Console.output(self.json ? try JSON.encode(outcome.reports) : self.text(outcome))
    if let report {
      try ReportFile.write(BenchPage(outcome).html, to: report)
      if !self.json { Console.note("the page is \(report)") }
    }
    if let failure = outcome.failure, outcome.violation != nil || interruption.signal == nil { throw failure }
    if let signal = interruption.signal { throw CommandFailure(.signal(signal), nil) }
  }

  private var settings: BenchSettings {
    var settings = BenchSettings()
    // In the order of the help, each once, however they were given.
    if !self.workload.isEmpty { settings.workloads = BenchWorkload.allCases.filter(self.workload.contains) }
    settings.repetitions = self.quick ? 1 : self.repetitions ?? settings.repetitions
    settings.duration = self.quick ? .milliseconds(200) : self.duration ?? settings.duration
    return settings
  }

  private func sources() throws -> [BenchSource] {
    let inProcess = self.noLocal ? [] : ["local:bench", "channel:bench"]
    return try BenchSource.all(urls: inProcess + self.urls, serve: self.serve, connection: self.connection)
  }

  private func text(_ outcome: BenchOutcome) -> String {
    let settings = outcome.settings
    let count = settings.repetitions
    var lines = [
      "\(outcome.machine.summary); \(outcome.machine.build)",
      "medians of \(count) \(count == 1 ? "repetition" : "repetitions") of \(DurationText.format(settings.duration)) after a "
        + "warm-up, in turns; * is the best of its row, in-process and networked locks apart",
      "",
      BenchTable(outcome).text,
    ]
    if !outcome.machine.isOptimized {
      lines.append("\nThis is a debug build: build with -c release before you believe any of this.")
    }
    return lines.joined(separator: "\n")
  }
}

extension BenchWorkload: ExpressibleByArgument {}

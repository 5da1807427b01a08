internal import ArgumentParser
internal import Latchkey
internal import LatchkeyProcesses
internal import LatchkeyTesting

/// `latchkey contend`: many workers, one lock, one counter that only the lock protects.
struct ContendCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "contend",
    abstract: "Let many workers contend for one lock, and check that it kept them apart.",
    discussion: """
      Every worker takes the lock, adds one to a counter that nothing else protects, and gives the lock back. If the lock \
      works, no addition is lost. Reports the count, throughput, waiting times, fairness, and whether fencing tokens grew. \
      A terminal shows meanwhile how far it is and who has the lock. Ctrl-C ends it with what was measured so far; a second \
      Ctrl-C leaves at once.

      A wait ends if no server has answered it anything for half a minute, which is longer than the election of a leader: so \
      you can kill a server meanwhile.

      With --try and --count 1, the fate of each worker is reported: who had the lock, and who found it busy.

      EXAMPLES
        A counter without a lock loses updates:
          latchkey contend --no-lock
        The same under a mutex is exact; no server is needed:
          latchkey contend
        Ten workers on a channel try-lock, of which most find it busy:
          latchkey contend channel:counter --workers 10 --count 1 --try --hold 100ms
        Ten processes on one Redis key, which one of them sets (SET NX):
          latchkey contend --serve redis --processes 10 --workers 1 --count 1 \\
            --try --hold 1s
        The same ten on ZooKeeper and on etcd:
          latchkey contend --serve zookeeper --processes 10 --workers 1 --count 1 \\
            --try --hold 1s
          latchkey contend --serve etcd --processes 10 --workers 1 --count 1 \\
            --try --hold 1s
        Ten tasks on Redlock (ten processes may split the votes: then none has it):
          latchkey contend --serve redis:5 --workers 10 --count 1 --try --hold 1s
        Four processes that wait for their turns on three servers:
          latchkey contend --serve zookeeper:3 --processes 4 --count 100
        Your own servers, over TLS with an authority of your own:
          latchkey contend rediss://redis.internal/orders --ca-file ca.pem

      EXIT STATUS
        0      no update lost
        1      updates lost under a lock, tokens out of order, or a process died
        64     wrong usage
        69     the servers cannot be reached or started
        75     the lock was held by somebody else all the time
        128+n  ended by signal n
      """
  )

  @Argument(help: "The lock, such as local:orders (default: local:contend).", completion: Completions.urls)
  var url: String?

  @Option(parsing: .unconditional, help: "How many tasks contend in each process.")
  var workers = 8

  @Option(parsing: .unconditional, help: "How often each worker takes the lock.")
  var count = 1000

  @Option(parsing: .unconditional, help: "How many processes contend.")
  var processes = 1

  @Flag(help: "Take no lock, to see updates get lost.")
  var noLock = false

  @Flag(name: .customLong("try"), help: "Do not wait: an attempt that finds the lock held is done.")
  var tryOnly = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("How long to keep the lock each time (default: 0).", valueName: "duration"),
    transform: durationOption
  )
  var hold: Duration = .zero

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("How long each attempt may wait; 0 tries once (default: for ever).", valueName: "duration"),
    transform: durationOption
  )
  var wait: Duration?

  @Option(
    help: ArgumentHelp("Start throw-away servers for the contention.", valueName: "name[:n]"),
    completion: Completions.servers
  )
  var serve: String?

  @Flag(help: "Print one JSON object and nothing else.")
  var json = false

  @Flag(name: .shortAndLong, help: "Show no progress.")
  var quiet = false

  @Option(help: ArgumentHelp("Colours: auto, always or never; NO_COLOR is heeded.", valueName: "when"))
  var color = ColorChoice.auto

  @OptionGroup(title: "Connection")
  var connection: ConnectionOptions

  func validate() throws {
    guard (1...100_000).contains(self.workers) else { throw ValidationError("--workers must be from 1 to 100000") }
    guard (1...1_000_000_000).contains(self.count) else {
      throw ValidationError("--count must be from 1 to 1000000000")
    }
    guard (1...256).contains(self.processes) else { throw ValidationError("--processes must be from 1 to 256") }
    if self.url != nil, self.serve != nil {
      throw ValidationError("--serve makes its own URL: leave out either the URL or --serve")
    }
    if self.noLock, self.tryOnly { throw ValidationError("--no-lock takes no lock to try: leave out --try") }
    if self.noLock, self.serve != nil { throw ValidationError("--no-lock needs no servers: leave out --serve") }
    if self.tryOnly, self.wait != nil { throw ValidationError("--try does not wait: leave out --wait") }
  }

  func run() async throws {
    let interruption = try Interruption()
    let outcome = try await interruption.run { try await self.contend() }
    if let misuse = outcome.tally.misuse { throw misuse }
    if interruption.signal != nil { Console.note("interrupted; measured so far:") }
    let report = ContendReport(
      workload: outcome.report,
      story: self.tellsOutcomes
        ? TryStory(
          outcome.tally.outcomes,
          workers: self.workers,
          processes: self.processes,
          mayBeSplit: outcome.report.backend == LockURL.Scheme.redlock.backendKind
        ) : nil,
      interrupted: interruption.signal != nil,
      latency: self.noLock ? nil : outcome.tally.latency
    )
    try Console.output(self.json ? try JSON.encode(report) : report.text(.of(Descriptors.output, self.color)))
    try self.judge(outcome.tally, outcome.report, signal: interruption.signal)
  }

  /// Whether there are few enough tries to tell the fate of each worker.
  private var tellsOutcomes: Bool {
    (self.tryOnly || self.wait == .zero) && self.count == 1 && self.workers * self.processes <= TryStory.mostWorkers
  }

  private var showsProgress: Bool { !self.quiet && (!self.json || LiveLine.isPossible) }

  private func contend() async throws -> (tally: Tally, report: WorkloadReport) {
    guard let serve else {
      let url = try self.connection.apply(to: LockURL(self.url ?? "local:contend"))
      return try await self.contend(for: url, tick: self.connection.tick)
    }
    let (kind, count) = try Backends.servers(serve)
    if self.showsProgress, LiveLine.isPossible { LiveLine.draw("starting \(serve)") }
    defer { if self.showsProgress, LiveLine.isPossible { LiveLine.draw("") } }
    return try await kind.withServers(count: count, harmed: false) { served in
      let url = try self.connection.apply(to: LockURL(served.base + "contend"))
      return try await self.contend(for: url, tick: self.connection.tick ?? served.tick)
    }
  }

  private func contend(for url: LockURL, tick: Duration?) async throws -> (tally: Tally, report: WorkloadReport) {
    if self.processes > 1, url.scheme.isInProcess, !self.noLock {
      throw CommandFailure(
        .usage,
        "\(url.scheme.rawValue): locks live in one process and would protect nothing between \(self.processes); "
          + "use the URL of a server, or --no-lock to see what is then lost"
      )
    }
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let plan = ContendPlan(
      mode: self.noLock ? .none : self.tryOnly ? .tryOnly : .lock,
      url: url.textWithCredentials,
      tick: tick,
      workers: self.workers,
      count: self.count,
      processes: self.processes,
      hold: self.hold,
      wait: self.wait,
      tellsOutcomes: self.tellsOutcomes,
      board: folder.file("board")
    )
    let contention = try Contention(plan)
    // What is mapped needs no name: without one, nothing is left behind even if this process is killed outright.
    if self.processes == 1 { folder.remove() }
    let progress = Task {
      guard self.showsProgress else { return }
      await ContendProgress(
        board: contention.board,
        total: plan.attempts,
        hasLock: plan.mode != .none,
        color: self.color
      ).run()
    }
    let end = {
      progress.cancel()
      await progress.value
    }
    let tally = try await withCleanEnd(end) {
      try await self.processes == 1 ? contention.run { true } : ContendProcesses(plan: plan) { folder.remove() }.run()
    }
    return (tally, self.report(tally, url.scheme, contention.board))
  }

  private func report(_ tally: Tally, _ scheme: LockURL.Scheme, _ board: Board) -> WorkloadReport {
    WorkloadReport(
      backend: self.noLock ? "none" : scheme.backendKind,
      workload: "contend",
      workers: self.workers,
      processes: self.processes,
      tally: tally,
      finalCount: Int(board.counter),
      grants: board.grants,
      tokensIncreasing: tally.grantsHadTokens ? board.tokensOutOfOrder == 0 : nil
    )
  }

  /// Turns the result into an exit status.
  private func judge(_ tally: Tally, _ report: WorkloadReport, signal: Int32?) throws {
    if !self.noLock, let violation = report.violation { throw CommandFailure(.failed, violation) }
    if let signal { throw CommandFailure(.signal(signal), nil) }
    if let code = tally.firstErrorCode { throw CommandFailure(code: code, tally.firstError) }
    if tally.acquisitions == 0, tally.failedTries > 0 {
      throw CommandFailure(
        .busy,
        "somebody else held the lock all the time; wait longer with --wait, or look at who holds it"
      )
    }
  }
}

internal import ArgumentParser
internal import Latchkey

/// `latchkey contend`: many workers, one lock, one counter that only the lock protects.
struct ContendCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "contend",
    abstract: "Let many workers contend for one lock, and check that it kept them apart.",
    discussion: """
      Every worker takes the lock, adds one to a counter that nothing else protects, and gives the lock back. If the lock \
      works, no addition is lost. Reports the count, throughput, waiting times, fairness, and whether fencing tokens grew.

      EXAMPLES
        In one process, without any server:
          latchkey contend
        The same without the lock, to see the updates that are then lost:
          latchkey contend --no-lock
        Tries that do not wait, on the channel try-lock:
          latchkey contend channel:orders --try --hold 1ms --count 100
        Four processes on a ZooKeeper ensemble that is started for it:
          latchkey contend --serve zookeeper:3 --processes 4 --count 100
        One Redis server, and Redlock on five:
          latchkey contend --serve redis --processes 4
          latchkey contend --serve redis:5 --count 100

      EXIT STATUS
        0      no update lost
        1      updates lost under a lock, tokens out of order, or a process died
        64     wrong usage
        69     the servers cannot be reached or started
        75     the lock was held by somebody else all the time
        128+n  ended by signal n
      """
  )

  @Argument(help: "The lock, such as local:orders (default: local:contend).")
  var url: String?

  @Option(help: "How many tasks contend in each process.")
  var workers = 8

  @Option(help: "How often each worker takes the lock.")
  var count = 1000

  @Option(help: "How many processes contend.")
  var processes = 1

  @Flag(help: "Take no lock, to see updates get lost.")
  var noLock = false

  @Flag(name: .customLong("try"), help: "Do not wait: an attempt that finds the lock held is done.")
  var tryOnly = false

  @Option(help: ArgumentHelp("How long to keep the lock each time.", valueName: "duration"), transform: durationOption)
  var hold: Duration = .zero

  @Option(
    help: ArgumentHelp("How long each attempt may wait; 0 tries once (default: for ever).", valueName: "duration"),
    transform: durationOption
  )
  var wait: Duration?

  @Option(help: ArgumentHelp("Start throw-away servers for the contention.", valueName: "name[:n]"))
  var serve: String?

  @Flag(help: "Print one JSON object and nothing else.")
  var json = false

  @Flag(name: .shortAndLong, help: "Show no progress.")
  var quiet = false

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
    let outcome: (tally: Tally, report: WorkloadReport)
    do {
      outcome = try await interruption.run { try await self.contend() }
    } catch {
      if let signal = interruption.signal { throw CommandFailure(.signal(signal), nil) }
      throw error
    }
    if interruption.signal != nil { Console.note("interrupted; measured so far:") }
    try Console.output(self.json ? try JSON.encode(outcome.report) : outcome.report.description)
    try self.judge(outcome.tally, outcome.report, signal: interruption.signal)
  }

  private func contend() async throws -> (tally: Tally, report: WorkloadReport) {
    guard let serve else {
      let url = try self.connection.apply(to: LockURL(self.url ?? "local:contend"))
      return try await self.contend(for: url, tick: self.connection.tick)
    }
    let (kind, count) = try Backends.servers(serve)
    return try await kind.withServers(count: count) { served in
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
      board: folder.file("board")
    )
    let contention = try Contention(plan)
    // What is mapped needs no name: without one, nothing is left behind even if this process is killed outright.
    if self.processes == 1 { folder.remove() }
    let progress = Task {
      if !self.quiet, !self.json || Console.errorIsTerminal {
        await ContendProgress(board: contention.board, total: plan.attempts).run()
      }
    }
    let result: Result<Tally, any Error>
    do {
      result = .success(
        try await self.processes == 1 ? contention.run { true } : ContendProcesses(plan: plan) { folder.remove() }.run()
      )
    } catch {
      result = .failure(error)
    }
    progress.cancel()
    await progress.value
    let tally = try result.get()
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

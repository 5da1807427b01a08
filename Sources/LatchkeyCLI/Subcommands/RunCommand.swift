internal import ArgumentParser
internal import Latchkey
internal import LatchkeyProcesses

/// `latchkey run`: a command under a lock.
struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Run a command while holding a lock.",
    usage: "latchkey run [<options>] <url> -- <command> [<argument> ...]",
    discussion: """
      Waits for the lock, runs the command, and gives the lock back when the command has ended. If the lock is lost \
      meanwhile, the command is ended: TERM to its process group, KILL after the grace.

      \(CommonHelp.freshRedlock)

      EXAMPLES
        One nightly report at a time, on whichever machine:
          latchkey run zookeeper://zk1:2181,zk2:2181/reports -- ./nightly-report
        Leave at once if it runs elsewhere:
          latchkey run --try zookeeper://zk1:2181/reports -- ./nightly-report
        Pass the fencing token on:
          latchkey run zookeeper://zk1:2181/reports -- \\
            sh -c './save --fence "$LATCHKEY_TOKEN"'

      ENVIRONMENT OF THE COMMAND
        LATCHKEY_NAME           the name of the lock
        LATCHKEY_TOKEN          the fencing token; not set where the backend has none
        LATCHKEY_DEADLINE_FILE  a file of one line that is replaced as time goes on:
                                until when the lock is safe, in seconds as in
                                /proc/uptime
        LATCHKEY_HELD           the locks it runs under, for a latchkey run inside
        LATCHKEY_PASSWORD       never set: the password is for latchkey alone

      SIGNALS
      The command has a process group of its own, and the terminal if there is one, so Ctrl-C and Ctrl-Z reach it as \
      usual. INT, TERM, HUP and QUIT sent to latchkey go on to that group, USR1 and USR2 to the command. If latchkey \
      itself is killed, a watchdog ends the group in the same way. A service manager should send TERM to latchkey alone, \
      or the command gets it twice: KillMode=mixed with systemd.

      PROCESSES
      The lock is given back when the command itself has ended. What it has started and left behind runs on without the lock, \
      and is named in a warning. As the first process of a container, latchkey also reaps processes that lost their parent.

      EXIT STATUS
        That of the command; if a signal ended it, latchkey ends of the same
        signal, which a shell shows as 128+n. Otherwise:
        64   wrong usage, or a configuration that no lock can be had with
        122  the lock was lost
        124  the wait ran out
        125  latchkey failed, for example because no server can be reached,
             or TMPDIR is no folder that can be written to
        126  the command cannot be executed
        127  the command was not found
      """
  )

  @Argument(help: "The lock, such as zookeeper://zk1:2181,zk2:2181/reports.", completion: Completions.urls)
  var url: String

  @Argument(parsing: .postTerminator, help: "The command and its arguments, after --.")
  var command: [String] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("How long to wait for the lock; 0 tries once (default: for ever).", valueName: "duration"),
    transform: durationOption
  )
  var wait: Duration?

  @Flag(name: .customLong("try"), help: "Try once; the same as --wait 0.")
  var tryOnly = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The time from TERM to KILL when the lock is lost (default: 10s).", valueName: "duration"),
    transform: durationOption
  )
  var grace: Duration = .seconds(10)

  @Flag(name: .shortAndLong, help: "Do not say that the lock is waited for.")
  var quiet = false

  @OptionGroup(title: "Connection")
  var connection: ConnectionOptions

  func validate() throws {
    guard !self.command.isEmpty else {
      throw ValidationError(
        "there is no command after --: write -- between the URL and the command, as in latchkey run URL -- make report"
      )
    }
    if self.tryOnly, let wait, wait != .zero { throw ValidationError("--try does not wait: leave out --wait") }
  }

  func run() async throws {
    var url = try self.connection.apply(to: LockURL(self.url))
    guard !url.scheme.isInProcess else {
      throw CommandFailure(
        .usage,
        "\(url.scheme.rawValue): locks live in one process, so they would not protect the command from another; "
          + "use the URL of a server, such as \(LockURL.Scheme.zookeeper.example)"
      )
    }
    // Checked now, not after hours of waiting.
    let folder = try self.look(before: url)
    let backend = try Backends.backend(for: url)
    // The session reports a loss in its own words.
    CommandLog.Sink.console.leaveOut(LeaseEnding.lossRecord)
    let signals = RunSignals()
    try signals.watch()
    let around = HeldAround()
    if let holder = around.holder(of: url) {
      Console.note(
        "this command already runs under the lock \"\(url.name)\", which process \(holder) holds: "
          + "while that process waits for it to end, it waits for itself"
      )
    }
    let session = RunSession(
      command: self.rawCommand,
      name: url.name,
      budget: RunBudget(self.tryOnly ? .zero : self.wait),
      grace: self.grace,
      quiet: self.quiet,
      folder: folder,
      held: around.adding(url),
      signals: signals
    )
    url.connectTimeout = session.budget.connectTimeout(url.connectTimeout)
    let lock = url
    let tick = self.connection.tick
    let failure: CommandFailure?
    do {
      failure = try await signals.run {
        try await backend.withLocks(at: lock, tick: tick) { locks in try await session.run(locks) }
      }
    } catch {
      if let signal = signals.first { throw CommandFailure(.signal(signal), nil) }
      throw self.failure(error)
    }
    if let failure { throw failure }
  }

  /// Checks that the command can be run.
  ///
  /// - Returns: Where the folder of the deadline file can be made; nil if nowhere, after a warning.
  private func look(before url: LockURL) throws(CommandFailure) -> String? {
    if let problem = DescriptorLimit.problem(for: url) { throw CommandFailure(code: RunStatus.ours, problem) }
    let command = self.rawCommand[0]
    if let code = Program.problem(command, path: Environment.value("PATH")) {
      throw RunSession.cannotRun(SystemError(doing: "run \"\(ChildProcess.text(command))\"", code: code))
    }
    do {
      return try TemporaryFolder.usableParent()
    } catch  where TemporaryFolder.wanted != nil {
      throw CommandFailure(code: RunStatus.ours, "\(error); set TMPDIR to a folder that can be written to")
    } catch {
      Console.note(
        "\(error); the command gets no LATCHKEY_DEADLINE_FILE (set TMPDIR to a folder that can be written to)"
      )
      return nil
    }
  }

  /// The command as it was given, whatever its encoding.
  private var rawCommand: [ContiguousArray<CChar>] { ChildProcess.ownArguments(last: self.command.count) }

  private func failure(_ error: any Error) -> CommandFailure {
    let failure = CommandFailure(error)
    guard let error = error as? LockError else {
      return error is CommandFailure ? failure : CommandFailure(code: RunStatus.ours, failure.message)
    }
    switch error.code {
    case .timedOut:
      var error = error
      if self.tryOnly || self.wait == .zero {
        // A single try that found the lock held did not wait.
        error.message =
          "somebody else holds the lock; leave out --try, give it time with --wait, or look at who holds it"
        error.wait?.waited = nil
      }
      return CommandFailure(code: RunStatus.waitRanOut, error.description)
    case _ where failure.code == ExitStatus.usage.code: return failure
    case .lockLost: return CommandFailure(code: RunStatus.lockLost, failure.message)
    default: return CommandFailure(code: RunStatus.ours, failure.message)
    }
  }
}

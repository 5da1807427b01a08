internal import ArgumentParser
internal import Latchkey

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

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
        LATCHKEY_PASSWORD       never set: the password is for latchkey alone

      SIGNALS
      The command has a process group of its own, and the terminal if there is one, so Ctrl-C and Ctrl-Z reach it as \
      usual. INT, TERM, HUP and QUIT sent to latchkey go on to that group, USR1 and USR2 to the command. If latchkey \
      itself is killed, a watchdog ends the group in the same way.

      EXIT STATUS
        That of the command, 128+n if signal n ended it; otherwise:
        64   wrong usage, or a configuration that no lock can be had with
        122  the lock was lost
        124  the wait ran out
        125  latchkey failed, for example because no server can be reached
             or no temporary folder can be made
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
      throw ValidationError("the command is missing: put it after --, as in latchkey run URL -- command")
    }
    if self.tryOnly, let wait, wait != .zero { throw ValidationError("--try does not wait: leave out --wait") }
  }

  func run() async throws {
    let url = try self.connection.apply(to: LockURL(self.url))
    guard !url.scheme.isInProcess else {
      throw CommandFailure(
        .usage,
        "\(url.scheme.rawValue): locks live in one process, so they would not protect the command from another; "
          + "use the URL of a server, such as \(LockURL.Scheme.zookeeper.example)"
      )
    }
    let backend = try Backends.backend(for: url)
    let signals = RunSignals()
    try signals.watch()
    let status: Int32
    do {
      status = try await signals.run {
        try await backend.withLocks(at: url, tick: self.connection.tick) { locks in
          try await self.run(under: locks.lock(url.name), signals)
        }
      }
    } catch {
      if let signal = signals.first { throw CommandFailure(.signal(signal), nil) }
      throw self.failure(error)
    }
    if status != 0 { throw CommandFailure(code: status, nil) }
  }

  /// - Returns: The exit status.
  private func run(under lock: any DistributedLock, _ signals: RunSignals) async throws -> Int32 {
    let note = Task { await self.noteWait(for: lock.name) }
    defer { note.cancel() }
    let lease = try await lock.acquire(within: self.tryOnly ? .zero : self.wait)
    note.cancel()
    let result: Result<Supervisor.Outcome, any Error>
    do {
      result = .success(try await self.supervise(lease.held, signals))
    } catch {
      result = .failure(error)
    }
    // Else it may be lost after the last look: then it is not certain that the command ended in time.
    var lossAtEnd: LockError?
    do throws(LockError) { try await lease.release() } catch { lossAtEnd = error }
    switch try result.get() {
    case .ended where lossAtEnd?.code == .lockLost:
      if let lossAtEnd { Console.note("\(lossAtEnd); the command has ended, perhaps not in time") }
      return RunStatus.lockLost
    case .ended(let change): return change.status ?? RunStatus.ours
    case .lost: return RunStatus.lockLost
    }
  }

  /// Tells people at a terminal why nothing happens, when nothing has for a while.
  private func noteWait(for name: LockName) async {
    guard !self.quiet, Console.errorIsTerminal, (try? await Task.sleep(for: .seconds(2))) != nil else { return }
    Console.note("waiting for the lock \"\(name)\"; Ctrl-C gives up")
  }

  private func supervise(_ held: HeldLock, _ signals: RunSignals) async throws -> Supervisor.Outcome {
    // A signal that came while the lock was being granted ends the wait, not the command.
    try Task.checkCancellation()
    var settings: [String: String?] = [
      "LATCHKEY_NAME": held.name.rawValue,
      "LATCHKEY_TOKEN": held.token?.description,
      "LATCHKEY_DEADLINE_FILE": nil,
      "LATCHKEY_PASSWORD": nil,
    ]
    guard let deadline = held.deadline else { return try await self.start(held, settings, signals, folder: nil) }
    let file = try DeadlineFile()
    defer { file.remove() }
    try file.write(deadline)
    settings.updateValue(file.path, forKey: "LATCHKEY_DEADLINE_FILE")
    let follower = Task { await file.follow(held, since: deadline) }
    defer { follower.cancel() }
    return try await self.start(held, settings, signals, folder: file.folder.path) {
      file.revoke()
    }
  }

  private func start(
    _ held: HeldLock,
    _ settings: [String: String?],
    _ signals: RunSignals,
    folder: String?,
    onLoss: @escaping @Sendable () -> Void = {}
  ) async throws -> Supervisor.Outcome {
    do {
      let supervisor = Supervisor(
        command: self.rawCommand,
        settings: settings,
        grace: self.grace,
        folder: folder,
        signals: signals,
        onLoss: onLoss
      )
      // Not a child task, so not cancelled: from here on signals are the command's.
      return try await Task { try await supervisor.run(under: held) }.value
    } catch let error as SystemError {
      throw CommandFailure(
        code: error.code == ENOENT ? RunStatus.notFound : RunStatus.notExecutable,
        "\(error); check its name and PATH, or its permissions"
      )
    }
  }

  /// The command as it was given, whatever its encoding.
  private var rawCommand: [ContiguousArray<CChar>] {
    let first = Int(CommandLine.argc) - self.command.count
    return self.command.enumerated().map { place, text in
      guard let raw = CommandLine.unsafeArgv[first + place] else { return text.utf8CString }
      return ContiguousArray(UnsafeBufferPointer(start: raw, count: strlen(raw) + 1))
    }
  }

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

internal import Latchkey
internal import LatchkeyProcesses

/// How long `latchkey run` may take until the command starts: connecting, waiting for the lock, everything.
struct RunBudget: Sendable {
  /// A single try ends as soon as the servers have answered, and after this time at the latest.
  private static let longestTry = Duration.seconds(2)
  /// The least time for connecting: a budget of a few milliseconds is meant for the lock.
  private static let shortestConnect = Duration.seconds(1)

  /// Nil: for ever. Zero: a single try.
  let wait: Duration?
  private let start: ContinuousClock.Instant

  init(_ wait: Duration?, start: ContinuousClock.Instant = .now) {
    self.wait = wait
    self.start = start
  }

  var isTry: Bool { self.wait == .zero }

  /// How long connecting may take.
  ///
  /// - Parameter given: The timeout that the user has set for connecting; nil if none.
  func connectTimeout(_ given: Duration?) -> Duration? {
    guard let wait else { return given }
    let most = self.isTry ? Self.longestTry : max(wait, Self.shortestConnect)
    // Without one the backend's own timeout holds, up to the budget.
    return given.map { min($0, most) } ?? (most < .seconds(10) ? most : nil)
  }

  /// How long the lock may be waited for from now on.
  var left: Duration? {
    guard let wait, !self.isTry else { return self.wait }
    return max(.zero, wait - self.start.duration(to: .now))
  }
}

/// One `latchkey run`, from the wait for the lock to its return.
struct RunSession: Sendable {
  /// The command and its arguments, each ended by a zero byte.
  let command: [ContiguousArray<CChar>]
  let name: LockName
  let budget: RunBudget
  let grace: Duration
  let quiet: Bool
  /// Where the folder of the deadline file is made; nil for no such file.
  let folder: String?
  /// The locks that the command runs under, for its environment.
  let held: String
  let signals: RunSignals

  /// Waits for the lock, runs the command, and gives the lock back.
  ///
  /// - Returns: How it ended; nil if all went well.
  func run(_ locks: any LockProvider) async throws -> CommandFailure? {
    let note = Task { await self.noteWait() }
    defer { note.cancel() }
    let lease = try await locks.lock(self.name).acquire(within: self.budget.left)
    note.cancel()
    let result: Result<Supervisor.Outcome, any Error>
    do {
      result = .success(try await self.supervise(lease.held))
    } catch {
      result = .failure(error)
    }
    // The lock may have been lost since the last look: then it is not certain that the command ended in time.
    var lossAtEnd: LockError?
    // What becomes of it from here on is said once, below.
    CommandLog.Sink.console.leaveOutLocks()
    do throws(LockError) {
      // This process ends now: it has no background in which a release could be finished.
      if let pending = try await lease.releaseReporting() { Console.note(self.text(of: pending)) }
    } catch {
      lossAtEnd = error
    }
    let outcome = try result.get()
    guard case .ended(let change, let group) = outcome else { return CommandFailure(code: RunStatus.lockLost, nil) }
    await self.noteLeftBehind(of: group)
    if let lossAtEnd {
      return CommandFailure(code: RunStatus.lockLost, "\(lossAtEnd.loss); the command has ended, perhaps not in time")
    }
    switch change {
    case .killed(let number): return CommandFailure(.signal(number), nil)
    case .exited(0): return nil
    case .exited(let code): return CommandFailure(code: code, nil)
    case .stopped: return CommandFailure(code: RunStatus.ours, nil)
    }
  }

  /// What a release that the backend has not confirmed means for others.
  private func text(of pending: PendingRelease) -> String {
    let end = pending.standsFor.map { "up to \(Figures.span($0))" } ?? "until its session ends"
    return "the lock \"\(self.name)\" could not be given back (\(pending.reason)); others wait for it \(end)"
  }

  /// Says on a terminal that the lock is waited for, when that takes a while.
  private func noteWait() async {
    guard !self.quiet, Console.errorIsTerminal, (try? await Task.sleep(for: .seconds(2))) != nil else { return }
    Console.note("waiting for the lock \"\(self.name)\"; Ctrl-C gives up")
  }

  /// Names the processes that the command has left behind.
  private func noteLeftBehind(of group: Int32) async {
    guard !ProcessTable.living(inGroup: group).isEmpty else { return }
    // The last program of a pipe may need a moment to end.
    try? await Task.sleep(for: .milliseconds(100))
    let processes = ProcessTable.living(inGroup: group)
    guard !processes.isEmpty else { return }
    let names = processes.prefix(5).map { "\($0.name) (\($0.pid))" }.joined(separator: ", ")
    let more = processes.count > 5 ? ", …" : ""
    let what =
      processes.count == 1
      ? "1 process of the command still runs" : "\(processes.count) processes of the command still run"
    Console.note("\(what) without the lock: \(names)\(more)")
  }

  private func supervise(_ held: HeldLock) async throws -> Supervisor.Outcome {
    // A signal that came while the lock was being granted ends the wait, not the command.
    try Task.checkCancellation()
    var settings: [String: String?] = [
      "LATCHKEY_NAME": held.name.rawValue,
      "LATCHKEY_TOKEN": held.token?.description,
      "LATCHKEY_DEADLINE_FILE": nil,
      "LATCHKEY_PASSWORD": nil,
      HeldAround.variable: self.held,
    ]
    guard let deadline = held.deadline, let folder else { return try await self.start(held, settings, folder: nil) }
    let file = try DeadlineFile(in: [folder])
    defer { file.remove() }
    try file.write(deadline)
    settings.updateValue(file.path, forKey: "LATCHKEY_DEADLINE_FILE")
    let follower = Task { await file.follow(held, since: deadline) }
    defer { follower.cancel() }
    return try await self.start(held, settings, folder: file.folder.path) { file.revoke() }
  }

  private func start(
    _ held: HeldLock,
    _ settings: [String: String?],
    folder: String?,
    onLoss: @escaping @Sendable () -> Void = {}
  ) async throws -> Supervisor.Outcome {
    do {
      let supervisor = Supervisor(
        command: self.command,
        settings: settings,
        grace: self.grace,
        folder: folder,
        signals: self.signals,
        onLoss: onLoss
      )
      // Not a child task, so not cancelled: from here on signals are the command's.
      return try await Task { try await supervisor.run(under: held) }.value
    } catch let error as SystemError {
      throw Self.cannotRun(error)
    }
  }

  /// The failure of a command that cannot be run.
  static func cannotRun(_ error: SystemError) -> CommandFailure {
    // This process has run out of something: that is no fault of the command.
    if error.isExhaustion {
      return CommandFailure(code: RunStatus.ours, error.description)
    }
    var advice = "check its name and PATH, or its permissions"
    // Probably the whole command was quoted as one word.
    if error.isMissing, let name = error.action.split(separator: "\"").dropFirst().first, name.contains(" ") {
      advice = "leave out the quotes around the whole, or write sh -c '\(name)'"
    }
    return CommandFailure(
      code: error.isMissing ? RunStatus.notFound : RunStatus.notExecutable,
      "\(error); \(advice)"
    )
  }
}

extension LockError {
  /// A loss without the advice, which is for programs that hold locks themselves.
  var loss: String {
    guard let reason = self.lossReason else { return self.description }
    return "the lock\(self.name.map { " \"\($0)\"" } ?? "") was lost: \(reason)"
  }
}

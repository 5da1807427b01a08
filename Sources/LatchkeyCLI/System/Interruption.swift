internal import Latchkey
internal import LatchkeyPrimitives
internal import LatchkeyProcesses
internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// The end of the pipe into which the signal handler writes; -1 until ``SignalTrap`` is installed.
private let signalPipe = Atomic<Int32>(-1)

/// The signal handler: does only what is safe in one, and leaves `errno` as it was.
private func noteSignal(_ number: Int32) {
  let saved = errno
  var byte = UInt8(truncatingIfNeeded: number)
  _ = write(signalPipe.load(ordering: .relaxed), &byte, 1)
  errno = saved
}

/// Turns signals into calls on a thread of its own.
enum SignalTrap {
  /// Routes signals to a handler, from now until the process ends. Call it once.
  ///
  /// A signal that was ignored when the process started (`nohup`, a background job of a script) stays ignored. Handlers do
  /// not outlive `exec`, so child processes start with the dispositions that this process was started with.
  ///
  /// - Parameters:
  ///   - numbers: The signals.
  ///   - handler: Called with each signal, one at a time; must not block for long.
  static func install(_ numbers: [Int32], _ handler: @escaping @Sendable (Int32) -> Void) throws {
    let pipe = try Pipe()
    // A handler must not wait, however many signals come at once.
    _ = fcntl(pipe.writing, F_SETFL, O_NONBLOCK)
    precondition(signalPipe.exchange(pipe.writing, ordering: .relaxed) == -1, "the signal trap is installed twice")
    for number in numbers {
      let previous = signal(number, noteSignal)
      if unsafeBitCast(previous, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) { _ = signal(number, SIG_IGN) }
    }
    Background.start("signals") {
      while let number = pipe.readByte() { handler(Int32(number)) }
    }
  }
}

/// Ctrl-C and its like: the first signal cancels the work, so that it can clean up; the second ends the process at once.
final class Interruption: Sendable {
  private let signals = RunSignals()

  /// Watches for SIGINT, SIGTERM and SIGHUP from now on. Make one per process.
  init() throws {
    try SignalTrap.install([SIGINT, SIGTERM, SIGHUP]) { [signals] number in
      if signals.first != nil { endProcess(by: number) }
      signals.note(number)
    }
  }

  /// The signal that came, if any.
  var signal: Int32? { self.signals.first }

  /// Runs work that the first signal cancels.
  ///
  /// - Throws: What the work threw; if a signal came before, that is why, and the command's end.
  func run<Result: Sendable>(_ work: @escaping @Sendable () async throws -> Result) async throws -> Result {
    do {
      return try await self.signals.run(work)
    } catch {
      throw self.signal.map { CommandFailure(.signal($0), nil) } ?? error
    }
  }
}

/// The signals of `latchkey run`: before the command runs they end the wait, then they are the command's.
final class RunSignals: Sendable {
  private struct State {
    var first: Int32?
    var cancel: (@Sendable () -> Void)?
    var forward: (@Sendable (Int32) -> Void)?
  }

  private let state = Locked(State())

  /// Routes the process's signals to this value from now on. Call it on one value per process.
  func watch() throws {
    let ours = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCONT]
    let orphans = Orphans.shared
    try SignalTrap.install(ours + (orphans == nil ? [] : [SIGCHLD])) { number in
      if number == SIGCHLD { orphans?.reapSoon() } else { self.note(number) }
    }
  }

  /// The signal that ended the wait, if one did.
  var first: Int32? { self.state.withLock { $0.first } }

  /// Runs work that a signal cancels as long as nobody takes the signals.
  func run<Result: Sendable>(_ work: @escaping @Sendable () async throws -> Result) async throws -> Result {
    let task = Task { try await work() }
    let isLate = self.state.withLock { state in
      state.cancel = { task.cancel() }
      return state.first != nil
    }
    if isLate { task.cancel() }
    return try await task.value
  }

  /// Gives the signals to a taker, or back to the wait. One that came too late to end the wait is the taker's first.
  func forward(_ taker: (@Sendable (Int32) -> Void)?) {
    let late = self.state.withLock { state in
      state.forward = taker
      return state.first
    }
    if let late { taker?(late) }
  }

  /// The signals of a terminal go to the whole group, as they would from the terminal. SIGUSR1 and SIGUSR2 go to the command
  /// alone: they would end the helpers it may have started.
  static func isForWholeGroup(_ number: Int32) -> Bool { number != SIGUSR1 && number != SIGUSR2 }

  /// Takes a signal.
  func note(_ number: Int32) {
    let action = self.state.withLock { state -> (@Sendable () -> Void)? in
      if let forward = state.forward { return { forward(number) } }
      guard number != SIGCONT else { return nil }
      if state.first == nil { state.first = number }
      return state.cancel
    }
    action?()
  }
}

internal import Latchkey
internal import LatchkeyPrimitives

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

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

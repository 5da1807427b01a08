internal import Latchkey
internal import LatchkeyPrimitives

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Ctrl-C and its like: the first signal cancels the work, so that it can clean up; the second ends the process at once.
final class Interruption: Sendable {
  private struct State {
    var signal: Int32?
    var cancel: (@Sendable () -> Void)?
  }

  private let state = Locked(State())

  /// Watches for SIGINT, SIGTERM and SIGHUP from now on. Make one per process.
  init() throws {
    try SignalTrap.install([SIGINT, SIGTERM, SIGHUP]) { number in self.note(number) }
  }

  /// The signal that came, if any.
  var signal: Int32? { self.state.withLock { $0.signal } }

  /// Runs work that the first signal cancels.
  func run<Result: Sendable>(_ work: @escaping @Sendable () async throws -> Result) async throws -> Result {
    let task = Task { try await work() }
    let isLate = self.state.withLock { state in
      state.cancel = { task.cancel() }
      return state.signal != nil
    }
    if isLate { task.cancel() }
    return try await task.value
  }

  private func note(_ number: Int32) {
    let (isSecond, cancel) = self.state.withLock { state in
      let isSecond = state.signal != nil
      state.signal = number
      return (isSecond, state.cancel)
    }
    if isSecond { endProcess(by: number) }
    cancel?()
  }
}

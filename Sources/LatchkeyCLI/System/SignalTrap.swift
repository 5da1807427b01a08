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

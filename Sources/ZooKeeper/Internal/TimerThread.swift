internal import CZooKeeper
internal import LatchkeyPrimitives

/// A thread that calls a closure when it is due, whatever becomes of the cooperative threads.
final class TimerThread: Sendable {
  private final class Tick: Sendable {
    let run: @Sendable () -> Duration?

    init(_ run: @escaping @Sendable () -> Duration?) {
      self.run = run
    }
  }

  // Safe: the shim guards the timer with a lock of its own, and it is freed only in `deinit`.
  private struct Handle: @unchecked Sendable {
    let pointer: OpaquePointer
  }

  private let handle: Handle

  /// Starts the thread.
  ///
  /// - Parameter run: Called now and then again after as long as it returned; nil: when poked. Kept until the thread ends.
  /// - Returns: nil if the system has no thread to give.
  init?(_ run: @escaping @Sendable () -> Duration?) {
    let tick = Unmanaged.passRetained(Tick(run))
    guard let pointer = czk_timer_start(timerTicked, timerEnded, tick.toOpaque()) else {
      tick.release()
      return nil
    }
    self.handle = Handle(pointer: pointer)
  }

  deinit {
    czk_timer_free(self.handle.pointer)
  }

  /// Calls the closure at once.
  func poke() {
    czk_timer_poke(self.handle.pointer)
  }

  /// Ends the thread and waits for that, unless called on the thread itself.
  func stop() {
    czk_timer_stop(self.handle.pointer)
  }

  fileprivate static func tick(_ context: UnsafeMutableRawPointer) -> Int64 {
    guard let delay = Unmanaged<Tick>.fromOpaque(context).takeUnretainedValue().run() else { return -1 }
    // Rounded up, so that what is due at an instant is due when the thread wakes. Half of what fits is 146 years.
    return max(0, min(delay.nanoseconds, .max / 2) + 1)
  }

  fileprivate static func end(_ context: UnsafeMutableRawPointer) {
    Unmanaged<Tick>.fromOpaque(context).release()
  }
}

nonisolated private func timerTicked(_ context: UnsafeMutableRawPointer) -> Int64 { TimerThread.tick(context) }

nonisolated private func timerEnded(_ context: UnsafeMutableRawPointer) { TimerThread.end(context) }

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Tells when the process did not run, and when somebody set its wall clock. A thread of its own, so that it says nothing
/// about tasks that wait: those have no excuse.
struct PulseWatch: Sendable {
  private static let interval: UInt32 = 10_000
  private static let longest: UInt64 = 60_000_000

  let outlet: VerifyOutlet

  func start() {
    Background.start("pulse") {
      var last = ContinuousClock.now.sinceStart
      var offset = Self.wallClockOffset()
      while true {
        usleep(Self.interval)
        let now = ContinuousClock.now.sinceStart
        if now - last > Self.longest { self.outlet.say(.stalled(from: last, until: now)) }
        last = now
        let newOffset = Self.wallClockOffset()
        if abs(newOffset - offset) > 0.5 {
          self.outlet.say(.wallClock(at: now, by: newOffset - offset))
          offset = newOffset
        }
      }
    }
  }

  /// How far the wall clock is ahead of the clock that nobody sets, in seconds.
  private static func wallClockOffset() -> Double {
    var wall = timespec()
    clock_gettime(CLOCK_REALTIME, &wall)
    return Double(wall.tv_sec) + Double(wall.tv_nsec) / 1e9 - Double(Uptime.nanoseconds) / 1e9
  }
}

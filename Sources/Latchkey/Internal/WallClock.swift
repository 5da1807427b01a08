#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// The time of day, for people alone: nothing that keeps a lock may rest on it.
package enum WallClock {
  /// The time since 1970.
  package static var now: Duration {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return .seconds(time.tv_sec) + .nanoseconds(Int64(time.tv_nsec))
  }

  /// The local time of day a while from now, as `02:18:10`; the second is rounded up.
  package static func timeOfDay(after delay: Duration) -> String {
    let (seconds, attoseconds) = (self.now + delay).components
    var (time, parts) = (time_t(attoseconds > 0 ? seconds + 1 : seconds), tm())
    localtime_r(&time, &parts)
    return [parts.tm_hour, parts.tm_min, parts.tm_sec].map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: ":")
  }
}

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
}

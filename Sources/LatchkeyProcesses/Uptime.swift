#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// The clock of `/proc/uptime`: the same for all processes, counts on while the machine sleeps, and is never set.
package enum Uptime {
  #if canImport(Glibc)
  private static let clock = CLOCK_BOOTTIME
  #else
  private static let clock = CLOCK_MONOTONIC_RAW
  #endif

  package static var nanoseconds: UInt64 {
    var time = timespec()
    clock_gettime(self.clock, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}

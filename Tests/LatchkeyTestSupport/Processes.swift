internal import LatchkeyProcesses

#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// Whether a process is there and is more than a remainder that nobody has asked for its exit status.
package func isAlive(_ pid: Int32) -> Bool {
  kill(pid, 0) == 0 && !(ProcessTable.entry(pid)?.isZombie ?? false)
}

internal import Latchkey
internal import LatchkeyProcesses

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Whether this process may open as many files as connections need: below that, libraries end the process and say nothing.
enum DescriptorLimit {
  /// - Parameter url: Where the connections lead.
  /// - Returns: A sentence; nil if there are enough.
  static func problem(for url: LockURL) -> String? {
    guard !url.scheme.isInProcess else { return nil }
    var limit = rlimit()
    guard getrlimit(files, &limit) == 0 else { return nil }
    let needed = InheritedDescriptors.count + self.needed(hosts: url.hosts.count)
    // Larger ones than fit an `Int` mean that there is no limit.
    guard let allowed = Int(exactly: limit.rlim_cur), allowed < needed else { return nil }
    return
      "this process may open \(allowed) files, which is too few for a connection; raise the limit, as with ulimit -n \(max(64, needed))"
  }

  /// Each event loop takes three, and there is one for each processor; pipes to signals, the command and its watchdog, the
  /// terminal, and files that are open for a moment take the rest.
  private static func needed(hosts: Int) -> Int { 3 * max(1, sysconf(Int32(processors))) + 2 * hosts + 16 }
}

#if canImport(Glibc)
private let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
private let processors = _SC_NPROCESSORS_ONLN
#else
private let files = RLIMIT_NOFILE
private let processors = _SC_NPROCESSORS_ONLN
#endif

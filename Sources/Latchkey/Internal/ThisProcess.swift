#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// What this process is called by those who look at a lock from outside.
package enum ThisProcess {
  /// The machine's name.
  package static let host: String = {
    var host = [CChar](repeating: 0, count: 256)
    gethostname(&host, host.count - 1)
    return String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }()

  /// The process id, asked each time: it changes with a fork.
  package static var id: Int32 { getpid() }
}

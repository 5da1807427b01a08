#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

extension String {
  /// The operating system's text for an errno.
  init(systemError code: Int32) {
    self = strerror(code).map { String(cString: $0) } ?? "error \(code)"
  }
}

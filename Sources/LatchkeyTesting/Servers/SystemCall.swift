#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

extension ServerError {
  /// The error of a system call that has just failed.
  static func system(_ doing: String, _ number: CInt = errno) -> ServerError {
    ServerError(.system, "\(doing): \(String(cString: strerror(number)))")
  }
}

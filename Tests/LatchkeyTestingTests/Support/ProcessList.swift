#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// Whether a process is there and is more than a remainder that nobody has asked for its exit status.
func isAlive(_ pid: Int32) -> Bool {
  guard kill(pid, 0) == 0 else { return false }
  #if canImport(Darwin)
  return true
  #else
  guard let stat = contents(ofFile: "/proc/\(pid)/stat") else { return false }
  // The state follows the name in parentheses, which may hold spaces of its own.
  let fields = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ")
  return fields.count > 1 && fields[1] != "Z"
  #endif
}

/// Whether there is a file or folder at the path.
func exists(_ path: String) -> Bool {
  access(path, F_OK) == 0
}

/// The text of a small file; nil when it cannot be read.
func contents(ofFile path: String) -> String? {
  guard let stream = fopen(path, "r") else { return nil }
  defer { fclose(stream) }
  var bytes = [UInt8](repeating: 0, count: 65_536)
  let count = fread(&bytes, 1, bytes.count, stream)
  return String(decoding: bytes.prefix(count), as: UTF8.self)
}

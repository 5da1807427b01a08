#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// Whether there is a file or folder at the path.
func exists(_ path: String) -> Bool {
  access(path, F_OK) == 0
}

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// The descriptors that this process was started with, and may pass on; all others are its own.
enum InheritedDescriptors {
  /// Set when first asked for: that must be before anything is opened.
  private static let atStart = Set(open())

  /// Takes stock. Call it first thing.
  static func note() {
    _ = self.atStart
  }

  /// How many there are.
  static var count: Int { self.atStart.count }

  /// Marks everything else to be closed by `exec`, as libraries open sockets without that mark.
  static func keepOnlyThese() {
    for descriptor in self.open() where descriptor > STDERR_FILENO && !self.atStart.contains(descriptor) {
      _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }
  }

  private static func open() -> [Int32] {
    guard let folder = opendir("/dev/fd") else { return [] }
    defer { closedir(folder) }
    var found: [Int32] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if let number = Int32(name), number != dirfd(folder) { found.append(number) }
    }
    return found
  }
}

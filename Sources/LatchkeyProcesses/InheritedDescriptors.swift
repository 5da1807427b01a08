#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// The descriptors that this process was started with, and may pass on; all others are its own.
package enum InheritedDescriptors {
  /// Set when first asked for: that must be before anything is opened.
  private static let atStart = Set(open())

  /// Takes stock. Call it first thing.
  package static func note() {
    _ = self.atStart
  }

  /// How many there are.
  package static var count: Int { self.atStart.count }

  /// Marks everything else to be closed by `exec`, as libraries open sockets without that mark.
  package static func keepOnlyThese() {
    for descriptor in self.open() where descriptor > STDERR_FILENO && !self.atStart.contains(descriptor) {
      _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }
  }

  private static func open() -> [Int32] {
    // The folder itself is open while it is read, and no more after that.
    Folder.entries(of: "/dev/fd").compactMap { Int32($0) }.filter { fcntl($0, F_GETFD) >= 0 }
  }
}

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// A wall clock of one process alone, by libfaketime; the clocks that nobody sets stay as they are.
struct FakeClock: Sendable {
  private let library: String
  private let file: String

  /// - Returns: Nil if libfaketime is not on this machine.
  init?(in folder: TemporaryFolder) throws(SystemError) {
    guard let library = Self.library else { return nil }
    self.library = library
    self.file = folder.file("clock")
    try self.set(offset: 0)
  }

  static var isAvailable: Bool { self.library != nil }

  /// What a process needs to run with this clock.
  var environment: [String: String?] {
    [
      "LD_PRELOAD": self.library, "FAKETIME_TIMESTAMP_FILE": self.file, "FAKETIME_NO_CACHE": "1",
      "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_RESET": "1",
    ]
  }

  /// Sets the clock so many seconds off.
  func set(offset: Int) throws(SystemError) {
    // Replaced by rename: the process reads it at any time.
    let new = self.file + ".new"
    let descriptor = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw SystemError(doing: "write \(new)") }
    let code = Descriptors.write("\(offset < 0 ? "" : "+")\(offset)\n", to: descriptor)
    close(descriptor)
    guard code == 0, rename(new, self.file) == 0 else { throw SystemError(doing: "write \(self.file)") }
  }

  private static let library: String? = {
    #if arch(arm64)
    let architecture = "aarch64"
    #else
    let architecture = "x86_64"
    #endif
    let paths = [
      "/usr/lib/\(architecture)-linux-gnu/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1",
      "/usr/lib64/faketime/libfaketimeMT.so.1", "/usr/local/lib/faketime/libfaketimeMT.so.1",
    ]
    return paths.first { access($0, R_OK) == 0 }
  }()
}

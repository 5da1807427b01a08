#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Looks a program up as `posix_spawnp` will, so that a missing one is reported before the wait.
enum Program {
  /// Why a program cannot be run.
  ///
  /// - Parameters:
  ///   - name: The first word of the command, ended by a zero byte.
  ///   - path: The folders to look in, with colons between them, if the name has no slash; nil for those of the system.
  /// - Returns: `ENOENT` or `EACCES`; nil if it can be run, as far as that can be seen.
  static func problem(_ name: ContiguousArray<CChar>, path: String?) -> Int32? {
    let slash = CChar(bitPattern: UInt8(ascii: "/"))
    if name.contains(slash) { return self.problem(file: Array(name)) }
    // An empty name is in no folder.
    guard name.count > 1 else { return ENOENT }
    var problem = ENOENT
    for folder in (path ?? "/bin:/usr/bin").utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false) {
      // An empty folder is the current one.
      let prefix = folder.isEmpty ? [] : folder.map { CChar(bitPattern: $0) } + [slash]
      guard let code = self.problem(file: prefix + name) else { return nil }
      if code == EACCES { problem = EACCES }
    }
    return problem
  }

  private static func problem(file: [CChar]) -> Int32? {
    var status = stat()
    guard stat(file, &status) == 0 else { return errno == EACCES ? EACCES : ENOENT }
    guard status.st_mode & S_IFMT == S_IFREG, access(file, X_OK) == 0 else { return EACCES }
    return nil
  }
}

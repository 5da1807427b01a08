#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Looks programs up.
package enum Program {
  /// Where a program is; nil if it is in none of some folders.
  ///
  /// - Parameters:
  ///   - name: Its name, without a slash.
  ///   - others: Folders to look in after those of `PATH`.
  package static func path(_ name: String, others: [String] = []) -> String? {
    let folders = (Environment.value("PATH") ?? "").split(separator: ":").map(String.init) + others
    return folders.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
  }

  /// Why a program cannot be run, looked up as `posix_spawnp` will.
  ///
  /// - Parameters:
  ///   - name: The first word of the command, ended by a zero byte.
  ///   - path: The folders to look in, with colons between them, if the name has no slash; nil for those of the system.
  /// - Returns: `ENOENT` or `EACCES`; nil if it can be run, as far as that can be seen.
  package static func problem(_ name: ContiguousArray<CChar>, path: String?) -> Int32? {
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

/// This program's own file, for starting copies of itself.
package enum Executable {
  #if os(Linux)
  /// The link leads to the file that runs even if it was replaced on disk since.
  package static let path = "/proc/self/exe"
  #else
  package static let path = CommandLine.arguments[0]
  #endif
}

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// A folder that only this user can enter, removed with everything in it.
struct TemporaryFolder: Sendable {
  let path: String

  /// Makes a folder in the first of some others in which that can be done.
  ///
  /// - Throws: ``SystemError`` of the first of them if it can be done in none.
  init(in parents: [String] = parents) throws(SystemError) {
    var failure: SystemError?
    for parent in parents {
      var template = Array("\(parent)/latchkey-XXXXXX".utf8CString)
      if let made = mkdtemp(&template) {
        self.path = String(cString: made)
        return
      }
      failure = failure ?? SystemError(doing: "make a temporary folder in \(parent)")
    }
    throw failure ?? SystemError(doing: "make a temporary folder nowhere", code: ENOENT)
  }

  /// The user's choice, `TMPDIR`; nil if it is not set.
  static var wanted: String? { getenv("TMPDIR").map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 } }

  /// Where they are made; `/dev/shm` is last, for containers with a read-only disk.
  static var parents: [String] { self.wanted.map { [$0] } ?? ["/tmp", "/dev/shm"] }

  /// The first folder in which one can be made.
  static func usableParent(among parents: [String] = parents) throws(SystemError) -> String {
    let probe = try TemporaryFolder(in: parents)
    defer { probe.remove() }
    return String(probe.path[..<(probe.path.lastIndex(of: "/") ?? probe.path.startIndex)])
  }

  func file(_ name: String) -> String { "\(self.path)/\(name)" }

  /// Removes the files in it, then the folder. What is gone already is no error.
  func remove() {
    if let folder = opendir(self.path) {
      while let entry = readdir(folder) {
        let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
          String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        if name != ".", name != ".." { unlink(self.file(name)) }
      }
      closedir(folder)
    }
    rmdir(self.path)
  }
}

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// A folder that only this user can enter, removed with everything in it.
struct TemporaryFolder: Sendable {
  let path: String

  init() throws(SystemError) {
    let parent = getenv("TMPDIR").map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
    var template = Array("\(parent)/latchkey-XXXXXX".utf8CString)
    guard let made = mkdtemp(&template) else { throw SystemError(doing: "make a temporary folder in \(parent)") }
    self.path = String(cString: made)
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

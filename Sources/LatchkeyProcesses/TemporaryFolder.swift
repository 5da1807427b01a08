#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// A folder that only this user can enter, removed with everything in it.
package struct TemporaryFolder: Sendable {
  package let path: String

  /// Makes a folder in the first of some others in which that can be done.
  ///
  /// - Parameters:
  ///   - name: What its name shows of its purpose; nothing if left out.
  ///   - parents: Where to make it: in the first of these in which one can be made.
  /// - Throws: ``SystemError`` of the first of them if it can be done in none.
  package init(named name: String? = nil, in parents: [String] = parents) throws(SystemError) {
    var failure: SystemError?
    for parent in parents {
      var template = Array("\(parent)/latchkey-\(name.map { "\($0)-" } ?? "")XXXXXX".utf8CString)
      if let made = mkdtemp(&template) {
        self.path = String(cString: made)
        return
      }
      failure = failure ?? SystemError(doing: "make a temporary folder in \(parent)")
    }
    throw failure ?? SystemError(doing: "make a temporary folder nowhere", code: ENOENT)
  }

  /// The user's choice, `TMPDIR`; nil if it is not set.
  package static var wanted: String? { Environment.value("TMPDIR").flatMap { $0.isEmpty ? nil : $0 } }

  /// Where they are made; `/dev/shm` is last, for containers with a read-only disk.
  package static var parents: [String] { self.wanted.map { [$0] } ?? ["/tmp", "/dev/shm"] }

  /// The first folder in which one can be made.
  package static func usableParent(among parents: [String] = parents) throws(SystemError) -> String {
    let probe = try TemporaryFolder(in: parents)
    defer { probe.remove() }
    return String(probe.path[..<(probe.path.lastIndex(of: "/") ?? probe.path.startIndex)])
  }

  package func file(_ name: String) -> String { "\(self.path)/\(name)" }

  /// Removes the files in it, then the folder. What is gone already is no error.
  package func remove() {
    for name in Folder.entries(of: self.path) { unlink(self.file(name)) }
    rmdir(self.path)
  }
}

internal import LatchkeyProcesses

#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// A new folder under the temporary one, for one server's configuration, log and data.
package struct ServerFolder: Sendable {
  private let folder: TemporaryFolder

  package var path: String { self.folder.path }

  /// Makes the folder.
  ///
  /// - Parameters:
  ///   - name: The server's name, which becomes a part of the folder's.
  ///   - parent: Where; nil for `TMPDIR`, or `/tmp` without one.
  package init(name: String, in parent: String? = nil) throws(ServerError) {
    let parents = parent.map { [$0] } ?? TemporaryFolder.parents
    self.folder = try systemCall { () throws(SystemError) in try TemporaryFolder(named: name, in: parents) }
  }

  /// The server's standard output and error.
  var log: String { self.folder.file("server.log") }

  /// Writes a small file.
  func write(_ file: String, _ text: String) throws(ServerError) {
    try systemCall { () throws(SystemError) in try Descriptors.write(text, toFile: self.folder.file(file)) }
  }

  /// Makes a folder inside.
  ///
  /// - Returns: Its path.
  func makeFolder(_ name: String) throws(ServerError) -> String {
    let path = self.folder.file(name)
    try systemCall { () throws(SystemError) in
      guard mkdir(path, 0o700) == 0 else { throw SystemError(doing: "make \(path)") }
    }
    return path
  }

  /// The end of the log, of at most a few thousand bytes; empty when there is nothing.
  var logTail: String {
    guard let stream = fopen(self.log, "r") else { return "" }
    defer { fclose(stream) }
    fseek(stream, 0, SEEK_END)
    fseek(stream, max(0, ftell(stream) - 4000), SEEK_SET)
    var bytes = [UInt8](repeating: 0, count: 4000)
    let count = fread(&bytes, 1, bytes.count, stream)
    return String(decoding: bytes.prefix(count), as: UTF8.self)
  }
}

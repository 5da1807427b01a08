#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// A new folder under the temporary one, for one server's configuration, log and data.
package struct ServerFolder: Sendable {
  package let path: String

  /// Makes the folder.
  ///
  /// - Parameters:
  ///   - name: The server's name, which becomes a part of the folder's.
  ///   - parent: Where; nil for `TMPDIR`, or `/tmp` without one.
  package init(name: String, in parent: String? = nil) throws(ServerError) {
    let parent = parent ?? getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(parent)/latchkey-\(name)-XXXXXX".utf8CString)
    let made = template.withUnsafeMutableBufferPointer { buffer in
      buffer.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) }
    }
    guard let made else { throw .system("Cannot make a folder for the server in \(parent)") }
    self.path = made
  }

  /// The server's standard output and error.
  var log: String { self.path + "/server.log" }

  /// Writes a small file.
  ///
  /// - Returns: Its path.
  @discardableResult
  func write(_ file: String, _ text: String) throws(ServerError) -> String {
    let path = self.path + "/" + file
    guard let stream = fopen(path, "w") else { throw .system("Cannot write \(path)") }
    let written = fputs(text, stream)
    guard fclose(stream) == 0, written >= 0 else { throw .system("Cannot write \(path)") }
    return path
  }

  /// Makes a folder inside.
  ///
  /// - Returns: Its path.
  @discardableResult
  func makeFolder(_ name: String) throws(ServerError) -> String {
    let path = self.path + "/" + name
    guard mkdir(path, 0o700) == 0 else { throw .system("Cannot make \(path)") }
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

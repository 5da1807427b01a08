#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Reads files, pipes and standard input to their end.
package enum FileText {
  /// Reads all of it.
  ///
  /// - Parameters:
  ///   - path: The file. A pipe without a writer is waited for.
  ///   - limit: How many bytes it may have; more is `EFBIG`, as from a device that never ends.
  /// - Throws: ``SystemError``; with `EILSEQ` if it is no UTF-8.
  package static func read(_ path: String, upTo limit: Int = 1 << 20) throws(SystemError) -> String {
    let bytes = try self.bytes(path, upTo: limit)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw SystemError(doing: "read \(path)", code: EILSEQ)
    }
    return text
  }

  /// Reads all bytes, text or not.
  package static func bytes(_ path: String, upTo limit: Int = 1 << 20) throws(SystemError) -> [UInt8] {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw SystemError(doing: "read \(path)") }
    defer { close(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 16_384)
    while true {
      #if canImport(Glibc)
      let count = Glibc.read(file, &buffer, buffer.count)
      #else
      let count = Darwin.read(file, &buffer, buffer.count)
      #endif
      if count == 0 { return bytes }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw SystemError(doing: "read \(path)") }
      bytes += buffer[..<count]
      guard bytes.count <= limit else { throw SystemError(doing: "read \(path)", code: EFBIG) }
    }
  }

  /// Whether it is a file that can be read more than once.
  package static func isRegular(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
  }
}

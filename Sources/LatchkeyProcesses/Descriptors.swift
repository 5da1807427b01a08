#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Whole reads and writes on file descriptors.
package enum Descriptors {
  package static let input = STDIN_FILENO
  package static let output = STDOUT_FILENO
  package static let errors = STDERR_FILENO

  package static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

  /// Writes everything.
  ///
  /// - Returns: Zero, or the error number: `EPIPE` if nobody reads any more.
  @discardableResult
  package static func write(_ text: String, to descriptor: Int32) -> Int32 {
    var text = text
    return text.withUTF8 { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
      while let start = rest.baseAddress, rest.count > 0 {
        #if canImport(Glibc)
        let count = Glibc.write(descriptor, start, rest.count)
        #else
        let count = Darwin.write(descriptor, start, rest.count)
        #endif
        if count >= 0 {
          rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
        } else if errno != EINTR {
          return errno
        }
      }
      return 0
    }
  }

  package static func close(_ descriptor: Int32) {
    #if canImport(Glibc)
    _ = Glibc.close(descriptor)
    #else
    _ = Darwin.close(descriptor)
    #endif
  }

  /// Opens a file for writing, which is made if it is not there, and which only this user may read. No child inherits it.
  package static func create(_ path: String, appending: Bool = false) throws(SystemError) -> Int32 {
    let file = open(path, O_WRONLY | O_CREAT | (appending ? O_APPEND : O_TRUNC) | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw SystemError(doing: "write \(path)") }
    return file
  }

  /// Writes a whole file.
  package static func write(_ text: String, toFile path: String) throws(SystemError) {
    let file = try self.create(path)
    defer { self.close(file) }
    let code = self.write(text, to: file)
    guard code == 0 else { throw SystemError(doing: "write \(path)", code: code) }
  }

  /// Gives a file the name of another, in whose place it then is.
  package static func rename(_ path: String, to name: String) throws(SystemError) {
    #if canImport(Glibc)
    let code = Glibc.rename(path, name)
    #else
    let code = Darwin.rename(path, name)
    #endif
    guard code == 0 else { throw SystemError(doing: "replace \(name)") }
  }

  /// The lines that come from a descriptor, read on a thread of its own; ends with the file.
  package static func lines(of descriptor: Int32) -> AsyncStream<String> {
    AsyncStream { continuation in
      Background.start("reader") {
        self.forEachLine(of: descriptor) { continuation.yield($0) }
        continuation.finish()
      }
    }
  }

  private static func forEachLine(of descriptor: Int32, _ body: (String) -> Void) {
    var pending: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = read(descriptor, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { break }
      for byte in buffer[..<count] {
        if byte == UInt8(ascii: "\n") {
          body(String(decoding: pending, as: UTF8.self))
          pending.removeAll(keepingCapacity: true)
        } else {
          pending.append(byte)
        }
      }
    }
    if !pending.isEmpty { body(String(decoding: pending, as: UTF8.self)) }
  }
}

/// The variables that this process was started with.
package enum Environment {
  /// The value of a variable, whatever it is; nil if it is not set.
  package static func value(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
}

/// Folders as the system lists them.
package enum Folder {
  /// The names of what is in a folder, but for itself and its parent; nothing if it cannot be read.
  package static func entries(of path: String) -> [String] {
    guard let folder = opendir(path) else { return [] }
    defer { closedir(folder) }
    var found: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name != ".", name != ".." { found.append(name) }
    }
    return found
  }
}

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Whole reads and writes on file descriptors.
enum Descriptors {
  /// Writes everything.
  ///
  /// - Returns: Zero, or the error number: `EPIPE` if nobody reads any more.
  @discardableResult
  static func write(_ text: String, to descriptor: Int32) -> Int32 {
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

  /// The lines that come from a descriptor, read on a thread of its own; ends with the file.
  static func lines(of descriptor: Int32) -> AsyncStream<String> {
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

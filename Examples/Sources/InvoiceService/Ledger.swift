import Foundation
import Latchkey

/// The resource behind the lock: a file with one line an invoice, `number token instance`.
///
/// It keeps itself safe from a holder that was stopped and does not know yet that its time is over: a write that carries a
/// smaller token than the last one is refused. The file lock makes look and write one step, as a transaction would in a
/// database; it is held for a moment, and the order among the instances is not its business.
struct Ledger {
  let path: String

  /// Writes the next invoice.
  ///
  /// - Parameters:
  ///   - instance: Who writes it.
  ///   - token: The fencing token of the lock.
  /// - Returns: Its number.
  /// - Throws: `StaleToken` if somebody with a greater token has written; an error of the file system.
  func append(by instance: String, fencedBy token: FencingToken) throws -> Int {
    let file = open(self.path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    guard file >= 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
    let handle = FileHandle(fileDescriptor: file, closeOnDealloc: true)
    guard flock(file, LOCK_EX) == 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
    let last = try Self.lastEntry(handle)
    var fence = FenceState(newest: last.token)
    try fence.admit(token)
    try handle.write(contentsOf: Data("\(last.number + 1) \(token) \(instance)\n".utf8))
    return last.number + 1
  }

  private static func lastEntry(_ handle: FileHandle) throws -> (number: Int, token: FencingToken?) {
    let end = try handle.seekToEnd()
    try handle.seek(toOffset: end - min(end, 256))
    let tail = String(decoding: try handle.readToEnd() ?? Data(), as: UTF8.self)
    guard let words = tail.split(separator: "\n").last?.split(separator: " "), words.count == 3,
      let number = Int(words[0]), let token = FencingToken(String(words[1]))
    else { return (0, nil) }
    return (number, token)
  }
}

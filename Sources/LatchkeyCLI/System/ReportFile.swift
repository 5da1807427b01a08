#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// A file that an option names for results.
enum ReportFile {
  /// A page that cannot be written is to be known before minutes have gone into it.
  static func check(_ path: String) throws {
    guard !path.isEmpty else {
      throw CommandFailure(.usage, "a file for results has no name; name a file in a folder of yours")
    }
    guard (try? FileManager.default.contentsOfDirectory(atPath: path)) == nil else {
      throw CommandFailure(.usage, "\(path): this is a folder; name a file in it")
    }
    let folder = URL(filePath: path).deletingLastPathComponent().path(percentEncoded: false)
    guard FileManager.default.isWritableFile(atPath: folder) else {
      throw CommandFailure(.usage, "\(path): cannot write to \(folder); name a file in a folder of yours")
    }
  }

  static func write(_ text: String, to path: String) throws {
    do {
      try Data(text.utf8).write(to: URL(filePath: path), options: .atomic)
    } catch {
      throw CommandFailure(.failed, "cannot write \(path); name a file in a folder of yours, on a disk with free space")
    }
  }
}

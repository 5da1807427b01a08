#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// A value that is written as `null` where there is none: a field that comes and goes is a trap for scripts.
@propertyWrapper
struct OrNull<Value: Sendable>: Sendable {
  var wrappedValue: Value?

  init(wrappedValue: Value?) {
    self.wrappedValue = wrappedValue
  }
}

extension OrNull: Equatable where Value: Equatable {}
extension OrNull: Hashable where Value: Hashable {}

extension OrNull: Encodable where Value: Encodable {
  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(self.wrappedValue)
  }
}

extension OrNull: Decodable where Value: Decodable {
  init(from decoder: any Decoder) throws {
    self.wrappedValue = try decoder.singleValueContainer().decode(Value?.self)
  }
}

/// JSON on one line, with its keys in order.
enum JSON {
  static func encode(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }

  static func decode<Value: Decodable>(_ type: Value.Type, from text: String) throws -> Value {
    try JSONDecoder().decode(type, from: Data(text.utf8))
  }
}

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

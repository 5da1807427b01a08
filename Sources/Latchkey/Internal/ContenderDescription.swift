#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Who holds or wants a lock, on one line, for people who look: `host=… pid=… label=…`.
package enum ContenderDescription {
  /// - Parameter label: A word that the contender gave itself.
  package static func text(label: String?) -> String {
    var host = [CChar](repeating: 0, count: 256)
    gethostname(&host, host.count - 1)
    let name = String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    var text = "host=\(Self.quoted(name)) pid=\(getpid())"
    if let label { text += " label=\(Self.quoted(label))" }
    return text
  }

  /// Keeps one description on one line with its parts apart.
  private static func quoted(_ text: String) -> String {
    let isPlain = text.unicodeScalars.allSatisfy { $0.value > 0x20 && $0.value != 0x7F && $0 != "\"" && $0 != "\\" }
    if isPlain, !text.isEmpty { return text }
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\":
        quoted.unicodeScalars.append("\\")
        quoted.unicodeScalars.append(scalar)
      case _ where scalar.value < 0x20 || scalar.value == 0x7F:
        quoted += " "
      default:
        quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}

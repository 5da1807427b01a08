/// Who holds or wants a lock: what is written at the backend, `host=… pid=… label=…` on one line, and how errors and reports
/// name a contender, `host, process 7, label`.
package enum ContenderDescription {
  /// A contender's name, for people.
  package static func name(host: String?, pid: Int32?, label: String?) -> String? {
    var parts: [String] = []
    if let host { parts.append(host) }
    if let pid { parts.append("process \(pid)") }
    if let label { parts.append(label) }
    return parts.isEmpty ? nil : parts.joined(separator: ", ")
  }

  /// A contender's name by what it has left at the backend.
  ///
  /// - Parameters:
  ///   - note: What it has left.
  ///   - identity: What the backend knows it by, for those that have left nothing of ours.
  package static func name(note: String, identity: String) -> String {
    guard let (host, pid, label) = self.parse(note) else { return self.onOneLine(identity) }
    return self.name(host: host, pid: pid, label: label) ?? identity
  }

  /// This process's name, as others see it.
  ///
  /// - Parameter label: The word that it gives itself.
  package static func thisProcess(label: String?) -> String {
    self.name(host: ThisProcess.host, pid: ThisProcess.id, label: label) ?? ""
  }

  /// How much of a label is written, in bytes.
  private static let longestLabel = 256

  /// - Parameter label: A word that the contender gave itself.
  package static func text(label: String?) -> String {
    var text = "host=\(Self.quoted(ThisProcess.host)) pid=\(ThisProcess.id)"
    if let label { text += " label=\(Self.quoted(Self.bounded(label)))" }
    return text
  }

  /// A text without what would make a node too large for the servers; no scalar is cut in two.
  private static func bounded(_ text: String) -> String {
    var bounded = ""
    var size = 0
    for scalar in text.unicodeScalars {
      size += UTF8.width(scalar)
      if size > Self.longestLabel { break }
      bounded.unicodeScalars.append(scalar)
    }
    return bounded
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

  /// Reads what ``text(label:)`` writes, and ``text(_:limit:)``; nil if it is anything else.
  package static func parse(_ text: String) -> (host: String, pid: Int32, label: String?)? {
    self.parts(of: text).map { ($0.host, $0.pid, $0.label) }
  }

  /// What a contender for permits of a semaphore has left.
  ///
  /// - Parameters:
  ///   - text: What any contender leaves.
  ///   - limit: How many permits there are, as it was told.
  package static func text(_ text: String, limit: Int) -> String { "\(text) limit=\(limit)" }

  /// How many permits a contender was told there are; nil if it has not left that.
  package static func limit(in text: String) -> Int? { self.parts(of: text)?.limit.flatMap { Int($0) } }

  private static func parts(of text: String) -> (host: String, pid: Int32, label: String?, limit: String?)? {
    var rest = text.unicodeScalars[...]
    guard
      let host = self.part("host=", of: &rest), let pid = self.part(" pid=", of: &rest).flatMap({ Int32($0) })
    else { return nil }
    let label = self.part(" label=", of: &rest)
    let limit = self.part(" limit=", of: &rest)
    return rest.isEmpty ? (host, pid, label, limit) : nil
  }

  /// Takes one part off the front of a description.
  private static func part(_ key: String, of rest: inout Substring.UnicodeScalarView) -> String? {
    guard rest.starts(with: key.unicodeScalars) else { return nil }
    rest = rest.dropFirst(key.unicodeScalars.count)
    guard rest.first == "\"" else {
      let word = rest.prefix { $0 != " " }
      rest = rest[word.endIndex...]
      return word.isEmpty ? nil : String(word)
    }
    var text = ""
    var isEscaped = false
    rest = rest.dropFirst()
    while let scalar = rest.popFirst() {
      if isEscaped {
        text.unicodeScalars.append(scalar)
        isEscaped = false
      } else if scalar == "\\" {
        isEscaped = true
      } else if scalar == "\"" {
        return text
      } else {
        text.unicodeScalars.append(scalar)
      }
    }
    return nil
  }

  /// A text of foreign origin, fit for one line of a terminal.
  package static func onOneLine(_ text: String) -> String {
    var plain = ""
    for scalar in text.unicodeScalars {
      plain.unicodeScalars.append(scalar.properties.generalCategory == .control ? " " : scalar)
    }
    return plain
  }
}

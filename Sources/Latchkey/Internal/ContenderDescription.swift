/// Who holds or wants a lock, on one line, for people who look: `host=… pid=… label=…`.
package enum ContenderDescription {
  /// - Parameter label: A word that the contender gave itself.
  package static func text(label: String?) -> String {
    var text = "host=\(Self.quoted(ThisProcess.host)) pid=\(ThisProcess.id)"
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

/// Text in the language of mdoc(7), in which some characters have meanings of their own.
enum Mdoc {
  /// Text, each sentence on a line of its own, as is the custom: the formatter then puts the right space between them.
  static func text(_ text: String) -> String {
    var lines = [""]
    for word in text.split(separator: " ") {
      let endsSentence = lines[lines.count - 1].last.map { ".?!".contains($0) } ?? false
      if endsSentence, word.first?.isLowercase != true { lines.append("") }
      lines[lines.count - 1] += lines[lines.count - 1].isEmpty ? word : " " + word
    }
    return lines.map(self.line).joined(separator: "\n")
  }

  /// A line as it is, spaces and all.
  private static func line(_ text: String) -> String {
    let escaped = self.escaped(text)
    // At the beginning of a line, these would make it a request.
    return escaped.first == "." || escaped.first == "'" ? "\\&" + escaped : escaped
  }

  /// Words after a macro, of which none is to be taken for a macro.
  static func words(_ text: String) -> String {
    text.split(separator: " ").map { $0.count <= 3 ? "\\&" + self.escaped(String($0)) : self.escaped(String($0)) }
      .joined(separator: " ")
  }

  /// One argument of a macro, spaces and all.
  static func term(_ text: String) -> String {
    "\"\\&" + self.escaped(text).replacing("\"", with: "\\(dq") + "\""
  }

  /// A section with its heading.
  static func section(_ section: HelpText.Section) -> [String] {
    [".Sh \(self.words(section.title ?? ""))"] + self.blocks(section.blocks)
  }

  static func blocks(_ blocks: [HelpText.Block]) -> [String] {
    var lines: [String] = []
    var isInList = false
    for (place, block) in blocks.enumerated() {
      if case .item(let term, let text) = block {
        if !isInList { lines.append(".Bl -tag -width Ds") }
        isInList = true
        lines += [".It \(self.term(term))", self.text(text)]
        continue
      }
      if isInList { lines.append(".El") }
      isInList = false
      switch block {
      case .paragraph(let text):
        if place > 0 { lines.append(".Pp") }
        lines.append(self.text(text))
      case .code(let code):
        lines.append(place > 0 ? ".Bd -literal -offset indent" : ".Bd -literal -offset indent -compact")
        lines += code.map { self.line($0).replacing("-", with: "\\-") }
        lines.append(".Ed")
      case .item: break
      }
    }
    return isInList ? lines + [".El"] : lines
  }

  private static func escaped(_ text: String) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      if scalar == "\\" {
        escaped += "\\e"
      } else if scalar.isASCII {
        escaped.unicodeScalars.append(scalar)
      } else {
        let digits = String(scalar.value, radix: 16, uppercase: true)
        escaped += "\\[u" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits + "]"
      }
    }
    return escaped
  }
}

/// Text for HTML and SVG.
enum Markup {
  /// Makes any text safe inside an element or a quoted attribute.
  static func escape(_ text: String) -> String {
    var escaped = ""
    for character in text.unicodeScalars {
      switch character {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      default: escaped.unicodeScalars.append(character)
      }
    }
    return escaped
  }

  /// A coordinate, to a tenth.
  static func number(_ value: Double) -> String {
    let tenths = (value * 10).rounded()
    guard tenths.isFinite else { return "0" }
    let whole = Int(tenths)
    let sign = whole < 0 ? "-" : ""
    let (quotient, rest) = whole.magnitude.quotientAndRemainder(dividingBy: 10)
    return rest == 0 ? "\(sign)\(quotient)" : "\(sign)\(quotient).\(rest)"
  }

  /// A table whose first column names the rows.
  static func table(caption: String, headings: [String], rows: [[String]]) -> String {
    let head = headings.map { "<th scope=\"col\">\(self.escape($0))</th>" }.joined()
    let body = rows.map { cells in
      let name = cells.first.map { "<th scope=\"row\">\(self.escape($0))</th>" } ?? ""
      return "<tr>\(name)" + cells.dropFirst().map { "<td>\(self.escape($0))</td>" }.joined() + "</tr>"
    }
    return """
      <table><caption>\(self.escape(caption))</caption>
      <thead><tr>\(head)</tr></thead>
      <tbody>
      \(body.joined(separator: "\n"))
      </tbody></table>
      """
  }
}

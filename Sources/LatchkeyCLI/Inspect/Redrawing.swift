/// Text that replaces itself on a terminal, in place.
struct Redrawing: Sendable {
  private var height = 0

  /// What to write so that these lines stand where the last ones stood. A line that is too long for the terminal is cut off, so
  /// that each takes one row.
  mutating func frame(_ lines: [String]) -> String {
    let back = self.height == 0 ? "" : "\u{1B}[\(self.height)A"
    self.height = lines.count
    let rows = lines.map { "\($0)\u{1B}[K\n" }.joined()
    // Without automatic line breaks, and without what is left of a longer text below.
    return "\u{1B}[?7l\r\(back)\(rows)\u{1B}[J\u{1B}[?7h"
  }
}

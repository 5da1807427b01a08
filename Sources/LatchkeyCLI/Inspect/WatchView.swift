/// What `inspect --watch` shows from look to look: on a terminal in place, elsewhere line after line.
struct WatchView: Sendable {
  enum Output: Hashable, Sendable {
    /// To be written to the terminal as it is.
    case frame(String)
    /// A sentence for people who read what is otherwise for machines.
    case note(String)
  }

  /// Nil if there is no terminal to draw on.
  let style: TextStyle?
  private var drawing = Redrawing()
  private var table: [String] = []
  private var outage: (start: ContinuousClock.Instant, sentence: String)?

  init(style: TextStyle?) {
    self.style = style
  }

  /// Shows a table. Where there is no terminal, the caller prints it: then the result is nil, or a note to print before it.
  mutating func table(_ lines: [String]) -> Output? {
    defer { self.outage = nil }
    guard self.style != nil else { return self.outage == nil ? nil : .note("the servers answer again") }
    self.table = lines
    return .frame(self.drawing.frame(lines))
  }

  /// Shows that there was no answer: one line that stays in its place, above what was known before.
  mutating func outage(_ sentence: String, at now: ContinuousClock.Instant) -> Output? {
    let start = self.outage?.start ?? now
    defer { self.outage = (start, sentence) }
    guard let style else {
      // Once for each reason.
      return self.outage?.sentence == sentence ? nil : .note(sentence)
    }
    let time = Figures.span(start.duration(to: now))
    return .frame(
      self.drawing.frame(["no answer for \(time): \(sentence)"] + self.table.map { style.colored($0, .faint) })
    )
  }
}

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

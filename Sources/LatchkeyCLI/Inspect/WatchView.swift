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
    let time = LockTable.time(start.duration(to: now))
    return .frame(
      self.drawing.frame(["no answer for \(time): \(sentence)"] + self.table.map { style.colored($0, .faint) })
    )
  }
}

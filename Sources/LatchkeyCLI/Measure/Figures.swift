/// Figures as people read them: with the digits that mean something.
enum Figures {
  /// Three digits.
  static func number(_ value: Double) -> String {
    switch value {
    case ..<10: "\((value * 100).rounded() / 100)"
    case ..<100: "\((value * 10).rounded() / 10)"
    default: self.grouped(Int(value.rounded()))
    }
  }

  /// A time in the unit that suits it.
  static func time(microseconds: Double) -> String {
    switch microseconds {
    case ..<1000: "\(self.number(microseconds)) µs"
    case ..<1_000_000: "\(self.number(microseconds / 1000)) ms"
    default: "\(self.number(microseconds / 1_000_000)) s"
    }
  }

  /// A moment in seconds since the start, to the tenth.
  static func moment(_ time: Duration) -> String { "\((time / .milliseconds(100)).rounded() / 10) s" }

  /// A whole number with a comma before every three digits.
  static func grouped(_ value: Int) -> String {
    let digits = String(value.magnitude)
    var text = ""
    for (place, digit) in digits.enumerated() {
      if place > 0, (digits.count - place).isMultiple(of: 3) { text.append(",") }
      text.append(digit)
    }
    return value < 0 ? "-" + text : text
  }

  /// A length of time as people say it: `45 s`, `2 min 5 s`.
  static func span(seconds: Double) -> String {
    let whole = Int(seconds.rounded(.up))
    return whole < 60 ? "\(whole) s" : "\(whole / 60) min \(whole % 60) s"
  }
}

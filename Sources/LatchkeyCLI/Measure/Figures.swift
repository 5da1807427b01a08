internal import LatchkeyPrimitives

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

  /// The two greatest units of a time, as people say it.
  static func span(_ duration: Duration) -> String {
    let seconds = duration.components.seconds
    switch seconds {
    case ..<1: return "\(duration.milliseconds) ms"
    case ..<60: return "\(seconds) s"
    case ..<3600: return Self.pair(seconds / 60, "min", seconds % 60, "s")
    case ..<86_400: return Self.pair(seconds / 3600, "h", seconds % 3600 / 60, "min")
    default: return Self.pair(seconds / 86_400, "d", seconds % 86_400 / 3600, "h")
    }
  }

  private static func pair(_ large: Int64, _ unit: String, _ small: Int64, _ smallUnit: String) -> String {
    small == 0 ? "\(large) \(unit)" : "\(large) \(unit) \(small) \(smallUnit)"
  }

  /// The same, in whole seconds that have begun.
  static func span(seconds: Double) -> String { self.span(.seconds(seconds.rounded(.up))) }
}

/// Figures of several repetitions.
enum Statistics {
  /// The value in the middle; the mean of the two in the middle if their number is even; nil if there are none.
  static func median(_ values: [Double]) -> Double? {
    guard !values.isEmpty else { return nil }
    let sorted = values.sorted()
    let middle = sorted.count / 2
    return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
  }

  /// The place of the value that is nearest to the median; nil if there are none.
  static func placeOfMedian(_ values: [Double]) -> Int? {
    guard let median = self.median(values) else { return nil }
    return values.indices.min { abs(values[$0] - median) < abs(values[$1] - median) }
  }
}

/// What one worker measured.
struct Samples: Sendable {
  /// Whole operations and the acquire alone, in microseconds.
  var whole: [Float] = []
  var acquire: [Float] = []

  var count: Int { self.whole.count }

  mutating func add(from start: ContinuousClock.Instant, granted: ContinuousClock.Instant, end: ContinuousClock.Instant)
  {
    self.whole.append(Self.microseconds(end - start))
    self.acquire.append(Self.microseconds(granted - start))
  }

  static func microseconds(_ duration: Duration) -> Float {
    let parts = duration.components
    return Float(Double(parts.seconds) * 1e6 + Double(parts.attoseconds) / 1e12)
  }

  static func percentile(_ values: [Float], _ share: Double) -> Float {
    guard !values.isEmpty else { return 0 }
    return values.sorted()[min(values.count - 1, Int(share * Double(values.count)))]
  }
}

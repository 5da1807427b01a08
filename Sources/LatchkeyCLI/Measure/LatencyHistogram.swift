internal import Histogram

/// Times in nanoseconds, kept to three digits; the greatest is exact.
struct LatencyHistogram: Sendable {
  private var histogram = Histogram<UInt64>(numberOfSignificantValueDigits: .three)
  private(set) var maximum: UInt64 = 0

  var count: UInt64 { self.histogram.totalCount }

  mutating func record(_ nanoseconds: UInt64) {
    self.histogram.record(nanoseconds)
    self.maximum = max(self.maximum, nanoseconds)
  }

  mutating func add(_ other: LatencyHistogram) {
    self.histogram.add(other.histogram)
    self.maximum = max(self.maximum, other.maximum)
  }

  /// A value of each bucket that is not empty, in ascending order, and its count.
  var values: [(value: UInt64, count: UInt64)] { self.histogram.recordedValues().map { ($0.value, $0.count) } }

  /// The time that this share of all times does not exceed; 0 if there are none.
  func percentile(_ percentile: Double) -> UInt64 {
    self.count == 0 ? 0 : min(self.maximum, self.histogram.valueAtPercentile(percentile))
  }
}

extension LatencyHistogram: Codable {
  private struct Encoded: Codable {
    var maximum: UInt64
    /// A value of each bucket that is not empty, and its count.
    var buckets: [[UInt64]]
  }

  init(from decoder: any Decoder) throws {
    let encoded = try Encoded(from: decoder)
    self.maximum = encoded.maximum
    for bucket in encoded.buckets where bucket.count == 2 { self.histogram.record(bucket[0], count: bucket[1]) }
  }

  func encode(to encoder: any Encoder) throws {
    let buckets = self.values.map { [$0.value, $0.count] }
    try Encoded(maximum: self.maximum, buckets: buckets).encode(to: encoder)
  }
}

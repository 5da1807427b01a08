internal import Histogram

/// Times in nanoseconds, kept to three digits; the greatest is exact.
struct LatencyHistogram: Sendable {
  /// Empty until there is a time: its counters take twenty thousand bytes, and each of many workers has some that stay empty. An
  /// array, since what stands in each worker is then one word.
  private var histograms: [Histogram<UInt64>] = []
  private(set) var maximum: UInt64 = 0

  /// Whether counters have been made.
  var hasCounters: Bool { !self.histograms.isEmpty }

  var count: UInt64 { self.histograms.first?.totalCount ?? 0 }

  mutating func record(_ nanoseconds: UInt64) { self.record(nanoseconds, times: 1) }

  private mutating func record(_ nanoseconds: UInt64, times count: UInt64) {
    self.makeCounters()
    self.histograms[0].record(nanoseconds, count: count)
    self.maximum = max(self.maximum, nanoseconds)
  }

  mutating func add(_ other: LatencyHistogram) {
    guard let added = other.histograms.first else { return }
    self.makeCounters()
    self.histograms[0].add(added)
    self.maximum = max(self.maximum, other.maximum)
  }

  private mutating func makeCounters() {
    if self.histograms.isEmpty { self.histograms = [Histogram(numberOfSignificantValueDigits: .three)] }
  }

  /// A value of each bucket that is not empty, in ascending order, and its count.
  var values: [(value: UInt64, count: UInt64)] {
    self.histograms.first?.recordedValues().map { ($0.value, $0.count) } ?? []
  }

  /// The time that this share of all times does not exceed; 0 if there are none.
  func percentile(_ percentile: Double) -> UInt64 {
    self.histograms.first.map { min(self.maximum, $0.valueAtPercentile(percentile)) } ?? 0
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
    for bucket in encoded.buckets where bucket.count == 2 { self.record(bucket[0], times: bucket[1]) }
    self.maximum = encoded.maximum
  }

  func encode(to encoder: any Encoder) throws {
    let buckets = self.values.map { [$0.value, $0.count] }
    try Encoded(maximum: self.maximum, buckets: buckets).encode(to: encoder)
  }
}

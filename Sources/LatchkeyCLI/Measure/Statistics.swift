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

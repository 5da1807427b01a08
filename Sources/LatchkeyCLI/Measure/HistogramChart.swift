/// A histogram for a terminal: a row for each bucket, buckets that grow as 1, 2, 5, 10, and so on.
struct HistogramChart: Sendable {
  struct Row: Hashable, Sendable {
    /// The greatest time in the bucket, in nanoseconds.
    var limit: UInt64
    var count: UInt64
  }

  /// More rows than this are merged into one for each power of ten.
  private static let mostRows = 16

  let rows: [Row]

  init(_ histogram: LatencyHistogram) {
    let fine = Self.rows(histogram, limits: Self.limits(steps: [1, 2, 5]))
    self.rows = fine.count > Self.mostRows ? Self.rows(histogram, limits: Self.limits(steps: [1])) : fine
  }

  /// The rows from the first to the last that is not empty.
  private static func rows(_ histogram: LatencyHistogram, limits: [UInt64]) -> [Row] {
    var rows = limits.map { Row(limit: $0, count: 0) }
    var place = 0
    // In ascending order.
    for (value, count) in histogram.values {
      while place < rows.count - 1, value > rows[place].limit { place += 1 }
      rows[place].count += count
    }
    guard let first = rows.firstIndex(where: { $0.count > 0 }), let last = rows.lastIndex(where: { $0.count > 0 })
    else { return [] }
    return Array(rows[first...last])
  }

  /// From 100 ns to 1,000,000 s: what is less or more belongs to the first or the last.
  private static func limits(steps: [UInt64]) -> [UInt64] {
    var limits: [UInt64] = []
    var power: UInt64 = 100
    while power < 1_000_000_000_000_000 {
      limits += steps.map { $0 * power }
      power *= 10
    }
    return limits + [power]
  }

  /// The rows as text of at most so many columns.
  func lines(width: Int = 80, style: TextStyle) -> [String] {
    let total = self.rows.reduce(0) { $0 + $1.count }
    let most = self.rows.map(\.count).max() ?? 0
    let counts = self.rows.map { Figures.grouped(Int(clamping: $0.count)) }
    let countWidth = counts.map(\.count).max() ?? 0
    let labels = self.rows.map { style.shown(Self.label($0.limit)) }
    let labelWidth = labels.map(\.count).max() ?? 0
    let barWidth = max(8, width - labelWidth - countWidth - 15)
    return self.rows.indices.map { place in
      let count = self.rows[place].count
      let bar = style.bar(most == 0 ? 0 : Double(count) / Double(most), width: barWidth)
      let percent = (Double(count) / Double(max(1, total)) * 1000).rounded() / 10
      return "  \(Self.right(labels[place], labelWidth))  " + style.colored(bar, .good)
        + String(repeating: " ", count: barWidth - bar.count + 2) + Self.right(counts[place], countWidth)
        + Self.right("\(percent)%", 8)
    }
  }

  private static func label(_ nanoseconds: UInt64) -> String {
    switch nanoseconds {
    case ..<1000: "\(nanoseconds) ns"
    case ..<1_000_000: "\(nanoseconds / 1000) µs"
    case ..<1_000_000_000: "\(nanoseconds / 1_000_000) ms"
    default: "\(nanoseconds / 1_000_000_000) s"
    }
  }

  private static func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }
}

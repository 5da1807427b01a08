import Testing

@testable import LatchkeyCLI

@Suite("A histogram in text")
struct HistogramChartTests {
  private func histogram(_ values: [UInt64: Int]) -> LatencyHistogram {
    var histogram = LatencyHistogram()
    for (value, count) in values { for _ in 0..<count { histogram.record(value) } }
    return histogram
  }

  @Test("has a row for each bucket from the first to the last that is not empty, in steps of 1, 2 and 5")
  func rows() {
    let chart = HistogramChart(self.histogram([900: 1, 1000: 2, 1900: 4, 9000: 1]))
    #expect(chart.rows.map(\.limit) == [1000, 2000, 5000, 10_000])
    #expect(chart.rows.map(\.count) == [3, 4, 0, 1])
  }

  @Test("loses no value, however small or great, and has few rows all the same")
  func extremes() {
    let chart = HistogramChart(self.histogram([1: 5, 100: 1, 1_000_000: 1, 3_000_000_000_000: 2]))
    #expect(chart.rows.reduce(0) { $0 + $1.count } == 9)
    #expect(chart.rows.count <= 16)
    #expect(HistogramChart(LatencyHistogram()).rows.isEmpty)
  }

  @Test("fits 80 columns, with bars in proportion")
  func lines() {
    let histogram = self.histogram([900: 1, 1900: 4000, 4000: 2000, 30_000: 1])
    let plain = HistogramChart(histogram).lines(style: .plain)
    #expect(plain.allSatisfy { $0.count <= 80 && $0.allSatisfy(\.isASCII) })
    let bars = plain.map { $0.filter { $0 == "#" }.count }
    #expect(bars == [1, bars[1], (bars[1] + 1) / 2, 0, 0, 1] || bars == [1, bars[1], bars[1] / 2, 0, 0, 1], "\(bars)")
    #expect(plain[1].hasSuffix("4,000   66.6%") && plain[1].hasPrefix("   2 us  ###"), "\(plain[1])")
    let drawn = HistogramChart(histogram).lines(style: TextStyle(isColored: false, isUnicode: true))
    #expect(drawn.allSatisfy { $0.count <= 80 })
    #expect(drawn[1].hasPrefix("   2 µs  ███") && drawn[0].contains("▏"))
  }
}

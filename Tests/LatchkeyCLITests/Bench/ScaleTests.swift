import Testing

@testable import LatchkeyCLI

@Suite("Scales of pictures")
struct ScaleTests {
  @Test("a linear scale starts at zero and ends at a round number that has room for everything")
  func linear() {
    let scale = Scale.linear(upTo: 870, ends: (100, 500))
    #expect(scale.domain == 0...1000)
    #expect(scale(0) == 100 && scale(500) == 300 && scale(1000) == 500)
    #expect(scale.ticks { "\(Int($0))" }.map(\.label) == ["0", "500", "1000"])
    // What is outside stays at the edge.
    #expect(scale(2000) == 500)
  }

  @Test("a scale of nothing but zeros is still a scale")
  func empty() {
    #expect(Scale.linear(upTo: 0, ends: (0, 10))(0) == 0)
    #expect(Scale.decades(around: [], ends: (0, 10)).domain == 1...10)
    #expect(Scale.percentiles(ofGreatestCount: 0, ends: (0, 10))(0) == 0)
  }

  @Test("a logarithmic scale covers whole decades, and equal ratios are equally long")
  func logarithmic() {
    let scale = Scale.decades(around: [0, 250, 42_000], ends: (300, 0))
    #expect(abs(scale.domain.lowerBound - 100) < 1e-6 && abs(scale.domain.upperBound - 100_000) < 1e-6)
    #expect(abs(scale(1000) - 200) < 1e-6 && abs(scale(10_000) - 100) < 1e-6)
    #expect(scale.ticks { _ in "" }.count == 4)
  }

  @Test("a scale of percentiles gives each nine the same room, and ends where the data does")
  func nines() {
    let scale = Scale.percentiles(ofGreatestCount: 1000, ends: (0, 300))
    #expect(abs(scale(0.9) - 100) < 1e-6 && abs(scale(0.99) - 200) < 1e-6)
    #expect(scale.ticks { "\($0)" }.map(\.label) == ["0.0", "0.5", "0.9", "0.99", "0.999"])
  }

  @Test(
    "steps between ticks are 1, 2 or 5 times a power of ten",
    arguments: [(0.9, 1), (1.1, 2), (3, 5), (7, 10), (0.03, 0.05), (0, 1)] as [(Double, Double)]
  )
  func steps(rough: Double, nice: Double) {
    #expect(abs(Scale.niceStep(rough) - nice) < 1e-9)
  }

  @Test("labels move apart as little as they must, keep their order, and stay inside")
  func labels() {
    #expect(Labels.spread([10, 60], gap: 15, within: 0...100) == [10, 60])
    #expect(Labels.spread([50, 50, 50], gap: 15, within: 0...100) == [50, 65, 80])
    #expect(Labels.spread([99, 98, 97], gap: 10, within: 0...100) == [100, 90, 80])
    #expect(Labels.spread([-5], gap: 10, within: 0...100) == [0])
    #expect(Labels.spread([], gap: 10, within: 0...100) == [])
  }

  @Test("text from outside cannot become markup, and coordinates are short")
  func markup() {
    #expect(Markup.escape("<b a=\"1\">&") == "&lt;b a=&quot;1&quot;&gt;&amp;")
    #expect([1.0, 0.04, -0.26, 12.345, .nan].map(Markup.number) == ["1", "0", "-0.3", "12.3", "0"])
  }

  @Test("a latency curve rises, and ends at the slowest attempt at the share that so many attempts can tell")
  func latencyPoints() throws {
    var histogram = LatencyHistogram()
    for value in 1...UInt64(1000) { histogram.record(value * 1000) }
    let points = LatencyChart.points(of: histogram)
    #expect(zip(points, points.dropFirst()).allSatisfy { $0.x < $1.x && $0.y <= $1.y })
    let last = try #require(points.last)
    #expect(abs(last.x - 0.999) < 1e-9 && last.y == 1_000_000)
    #expect(LatencyChart.points(of: LatencyHistogram()).isEmpty)
  }

  @Test("a drain curve keeps its first and last waiter, whatever is left out between")
  func drainPoints() throws {
    let points = DrainChart.points(of: (1...1000).map { UInt64($0 * 10) })
    #expect(points.count < 250)
    #expect(points.first?.y == 1 && points.last?.y == 1000 && points.last?.x == 10_000)
    #expect(DrainChart.points(of: []).isEmpty)
  }
}

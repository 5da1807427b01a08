#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// How long one has to wait for a lock: for each share of the attempts, the time that they did not exceed.
struct LatencyChart: Sendable {
  struct Line: Sendable {
    var series: Series
    var latency: LatencyHistogram
  }

  let workload: BenchWorkload
  let lines: [Line]

  private static let columns: [(name: String, percentile: Double)] = [
    ("p50", 50), ("p90", 90), ("p99", 99), ("p99.9", 99.9), ("max", 100),
  ]

  var chart: Chart {
    let curves = self.lines.map { CurveFrame.Curve(series: $0.series, points: Self.points(of: $0.latency)) }
    let count = self.lines.map(\.latency.count).max() ?? 1
    let axes = Axes(
      x: .percentiles(ofGreatestCount: count, ends: CurveFrame.xEnds),
      y: .decades(around: curves.flatMap { $0.points.map(\.y) }, ends: CurveFrame.yEnds)
    )
    let frame = axes.marks(
      // Zero has no label: there is no room for it beside that of the median.
      xTicks: axes.x.ticks { $0 == 0 ? "" : "\(Self.percent($0)) %" },
      yTicks: axes.y.ticks { AxisText.time(nanoseconds: $0) },
      xTitle: "share of all attempts that took no longer",
      yTitle: "time (logarithmic)"
    )
    return Chart(
      id: "\(self.workload.rawValue)-latency",
      title: "Latency",
      caption: "\(self.workload.latencyMeaning.capitalizedStart), lower is better; each curve ends at its slowest "
        + "attempt, or at 99.999 %. Both axes are logarithmic, the lower one towards 100 %.",
      width: CurveFrame.width,
      height: CurveFrame.height,
      marks: frame + "\n" + CurveFrame(axes: axes, curves: curves).marks,
      table: self.table
    )
  }

  /// The curve of a histogram in nanoseconds, up to the share that its count can tell.
  static func points(of latency: LatencyHistogram) -> [(x: Double, y: Double)] {
    guard latency.count > 0 else { return [] }
    let end = min(log10(Double(latency.count)), 5)
    let step = 0.025
    var shares = stride(from: 0, to: end, by: step).map { 1 - pow(10, -$0) }
    shares.append(1 - pow(10, -end))
    var points = shares.map { (x: $0, y: Double(max(1, latency.percentile($0 * 100)))) }
    // With fewer attempts than the axis goes to, the last of them is the slowest.
    if end < 5, let last = points.indices.last { points[last].y = Double(max(1, latency.maximum)) }
    return points
  }

  /// A share as percent, without the noise of binary fractions.
  private static func percent(_ share: Double) -> String {
    let thousandths = Int((share * 100_000).rounded())
    let (whole, rest) = thousandths.quotientAndRemainder(dividingBy: 1000)
    guard rest > 0 else { return "\(whole)" }
    var digits = String(String(1000 + rest).dropFirst())
    while digits.last == "0" { digits.removeLast() }
    return "\(whole).\(digits)"
  }

  private var table: String {
    Markup.table(
      caption: "\(self.workload.latencyMeaning.capitalizedStart), all repetitions together",
      headings: ["backend"] + Self.columns.map(\.name),
      rows: self.lines.map { line in
        [line.series.name]
          + Self.columns.map { column in
            let time = column.percentile == 100 ? line.latency.maximum : line.latency.percentile(column.percentile)
            return Figures.time(microseconds: Double(time) / 1000)
          }
      }
    )
  }
}

/// Times on axes.
enum AxisText {
  /// A time that is a round number of some unit.
  static func time(nanoseconds: Double) -> String {
    switch nanoseconds {
    case ..<1000: "\(Markup.number(nanoseconds)) ns"
    case ..<1_000_000: "\(Markup.number(nanoseconds / 1000)) µs"
    case ..<1_000_000_000: "\(Markup.number(nanoseconds / 1_000_000)) ms"
    default: "\(Markup.number(nanoseconds / 1_000_000_000)) s"
    }
  }
}

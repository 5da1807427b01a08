/// How a crowd drains: how many waiters have had the lock by when.
struct DrainChart: Sendable {
  struct Line: Sendable {
    var series: Series
    /// Nanoseconds after the first release, in order.
    var times: [UInt64]
  }

  let waiters: Int
  let lines: [Line]

  var chart: Chart {
    let curves = self.lines.map { CurveFrame.Curve(series: $0.series, points: Self.points(of: $0.times)) }
    let axes = Axes(
      x: .decades(around: curves.flatMap { $0.points.map(\.x) }, ends: CurveFrame.xEnds),
      y: .linear(upTo: Double(self.waiters), ends: CurveFrame.yEnds)
    )
    let frame = axes.marks(
      xTicks: axes.x.ticks { AxisText.time(nanoseconds: $0) },
      yTicks: axes.y.ticks { Figures.grouped(Int($0)) },
      xTitle: "time since the first release (logarithmic)",
      yTitle: "waiters served"
    )
    return Chart(
      id: "crowd-drain",
      title: "The crowd drains",
      caption:
        "How many of \(Figures.grouped(self.waiters)) waiters have had the lock by when, further left is better; "
        + "from the repetition in the middle.",
      width: CurveFrame.width,
      height: CurveFrame.height,
      marks: frame + "\n" + CurveFrame(axes: axes, curves: curves).marks,
      table: self.table
    )
  }

  /// At most some 200 points of a curve that has one for each waiter, the first and the last always among them.
  static func points(of times: [UInt64]) -> [(x: Double, y: Double)] {
    let step = max(1, times.count / 200)
    return times.indices.filter { $0.isMultiple(of: step) || $0 == times.count - 1 }
      .map { (x: Double(max(1, times[$0])), y: Double($0 + 1)) }
  }

  private var table: String {
    let shares = [0.1, 0.5, 0.9, 1]
    return Markup.table(
      caption: "Time until a share of the waiters has had the lock",
      headings: ["backend", "served"] + shares.map { "\(Int($0 * 100)) %" },
      rows: self.lines.map { line in
        [line.series.name, Figures.grouped(line.times.count)]
          + shares.map { share in
            let place = Int((share * Double(self.waiters)).rounded(.up)) - 1
            guard line.times.indices.contains(place) else { return "not reached" }
            return Figures.time(microseconds: Double(line.times[place]) / 1000)
          }
      }
    )
  }
}

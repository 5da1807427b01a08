/// A picture of several curves over one pair of axes, each named where it ends.
struct CurveFrame: Sendable {
  struct Curve: Sendable {
    var series: Series
    var points: [(x: Double, y: Double)]
  }

  static let width = 560.0
  static let height = 300.0
  static let xEnds = (first: 66.0, last: 452.0)
  static let yEnds = (first: 248.0, last: 32.0)

  let axes: Axes
  let curves: [Curve]

  /// The curves and their names. A name lies where its curve ends, moved up or down if another is in the way.
  var marks: String {
    let shown = self.curves.filter { !$0.points.isEmpty }
    let placed = shown.map { curve in curve.points.map { (x: self.axes.x($0.x), y: self.axes.y($0.y)) } }
    let names = Labels.spread(
      placed.map { $0.last?.y ?? 0 },
      gap: 15,
      within: Self.yEnds.last...Self.yEnds.first
    )
    var marks: [String] = []
    for (place, curve) in shown.enumerated() {
      marks.append(Draw.curve(placed[place], of: curve.series))
      guard let end = placed[place].last else { continue }
      let x = Self.xEnds.last + 12
      marks.append(
        "<polyline points=\"\(Markup.number(end.x)),\(Markup.number(end.y)) \(Markup.number(x - 2)),\(Markup.number(names[place]))\" "
          + "class=\"leader \(curve.series.colour)\"/>"
      )
      marks.append(
        "<circle cx=\"\(Markup.number(end.x))\" cy=\"\(Markup.number(end.y))\" r=\"3\" class=\"dot \(curve.series.colour)\"/>"
      )
      marks.append(
        Draw.text(curve.series.name, x: x + 2, y: names[place] + 4, class: "name ink \(curve.series.colour)")
      )
    }
    return marks.joined(separator: "\n")
  }
}

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

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

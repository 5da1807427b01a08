/// How much each backend does in a second.
///
/// Bars say something only by their length, so they start at zero on linear axes; in-process locks and those of servers are
/// thousands apart and have an axis each.
struct ThroughputChart: Sendable {
  struct Bar: Sendable {
    var series: Series
    var isInProcess: Bool
    var median: Double
    var least: Double
    var greatest: Double
  }

  let workload: BenchWorkload
  let bars: [Bar]

  private static let width = 560.0
  private static let row = 30.0
  private static let left = 118.0
  private static let right = 96.0

  var chart: Chart {
    var marks: [String] = []
    var y = 8.0
    let groups = [true, false].map { isInProcess in self.bars.filter { $0.isInProcess == isInProcess } }
    for group in groups where !group.isEmpty {
      marks.append(Draw.text(group[0].isInProcess ? "in process" : "over the network", x: 4, y: y + 12, class: "quiet"))
      y += 22
      marks += Self.marks(of: group, at: y)
      y += Double(group.count) * Self.row + 34
    }
    return Chart(
      id: "\(self.workload.rawValue)-throughput",
      title: "Throughput",
      caption: "\(self.workload.unit.capitalizedStart), longer is better: medians, with the slowest and the fastest "
        + "repetition as a thin line. In-process and networked locks have axes of their own.",
      width: Self.width,
      height: y,
      marks: marks.joined(separator: "\n"),
      table: self.table
    )
  }

  private static func marks(of bars: [Bar], at top: Double) -> [String] {
    let greatest = bars.map(\.greatest).max() ?? 1
    let scale = Scale.linear(upTo: greatest, ends: (self.left, self.width - self.right))
    let bottom = top + Double(bars.count) * self.row
    var marks: [String] = []
    for tick in scale.ticks(label: self.short) {
      let x = scale(tick.value)
      marks.append(Draw.line(x, top, x, bottom, class: "grid"))
      marks.append(Draw.text(tick.label, x: x, y: bottom + 16, anchor: "middle"))
    }
    for (place, bar) in bars.enumerated() {
      let y = top + Double(place) * self.row
      let middle = y + self.row / 2
      let title = "\(bar.series.name): \(Figures.number(bar.median)) per second"
      marks.append(Draw.text(bar.series.name, x: self.left - 10, y: middle + 4, anchor: "end", class: "name"))
      marks.append(
        Draw.box(
          x: scale(0),
          y: y + 5,
          width: max(1, scale(bar.median) - scale(0)),
          height: self.row - 10,
          class: "mark bar \(bar.series.colour)",
          title: title
        )
      )
      for style in ["range halo", "range"] {
        marks.append(Draw.line(scale(bar.least), middle, scale(bar.greatest), middle, class: style))
      }
      marks.append(Draw.text(Figures.number(bar.median), x: scale(bar.greatest) + 8, y: middle + 4, class: "value"))
    }
    marks.append(Draw.line(scale(0), top, scale(0), bottom, class: "axis"))
    return marks
  }

  /// A number for a tick.
  private static func short(_ value: Double) -> String {
    switch value {
    case 1_000_000...: "\(Markup.number(value / 1_000_000)) M"
    case 1000...: "\(Markup.number(value / 1000)) k"
    default: Markup.number(value)
    }
  }

  private var table: String {
    Markup.table(
      caption: self.workload.unit.capitalizedStart,
      headings: ["backend", "median", "slowest repetition", "fastest repetition"],
      rows: self.bars.map {
        [$0.series.name, Figures.number($0.median), Figures.number($0.least), Figures.number($0.greatest)]
      }
    )
  }
}

extension String {
  /// The same with a capital first letter.
  var capitalizedStart: String { self.prefix(1).uppercased() + self.dropFirst() }
}

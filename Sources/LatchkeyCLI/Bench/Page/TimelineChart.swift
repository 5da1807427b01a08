/// Who held the lock when: some grants in a row, a line for each worker.
struct TimelineChart: Sendable {
  let series: Series
  let workers: Int
  /// In the order of time.
  let holds: [Timeline.Hold]

  private static let width = 560.0
  private static let left = 66.0
  private static let right = 540.0
  private static let top = 30.0
  private static let row = 10.0
  /// A hold that would be thinner than this could not be seen.
  private static let thinnest = 2.0

  var chart: Chart {
    let bottom = Self.top + Double(self.workers) * Self.row
    let start = self.holds.first?.from ?? 0
    let end = max(start + 1, self.holds.last?.until ?? 1)
    let span = Double(end - start)
    let scale = Scale(kind: .linear, domain: 0...span, ends: (Self.left, Self.right))
    var marks: [String] = [Draw.text("worker", x: 4, y: Self.top - 12, class: "quiet")]
    marks += Draw.rows(
      (0..<self.workers).map { $0.isMultiple(of: 5) ? "\($0 + 1)" : nil },
      top: Self.top,
      height: Self.row,
      scale: scale,
      step: Scale.niceStep(span / 5)
    ) { $0 == 0 ? "0" : AxisText.time(nanoseconds: $0) }
    for (place, hold) in self.holds.enumerated() {
      marks.append(self.marks(of: hold, next: place + 1 < self.holds.count ? self.holds[place + 1] : nil, start, scale))
    }
    marks.append(Draw.line(Self.left, bottom, Self.right, bottom, class: "axis"))
    marks.append(
      Draw.text("time", x: (Self.left + Self.right) / 2, y: bottom + 38, anchor: "middle", class: "quiet")
    )
    return Chart(
      id: "handoff-timeline-\(self.series.place)",
      title: "Who held the lock: \(self.series.name)",
      caption: "\(self.holds.count) grants in a row from the middle of a run. Dark: held, drawn at least a line wide. "
        + "Pale: given back, on its way to the next. Each backend has its own scale of time.",
      width: Self.width,
      height: bottom + 50,
      marks: marks.joined(separator: "\n"),
      table: self.table(start)
    )
  }

  private func marks(of hold: Timeline.Hold, next: Timeline.Hold?, _ start: UInt64, _ scale: Scale) -> String {
    let y = Self.top + Double(hold.worker) * Self.row
    let (from, until) = (scale(Double(hold.from - start)), scale(Double(hold.until - start)))
    var marks = ""
    if let next, next.from > hold.until {
      marks += Draw.box(
        x: until,
        y: y + 2.5,
        width: scale(Double(next.from - start)) - until,
        height: Self.row - 5,
        class: "mark away \(self.series.colour)"
      )
    }
    marks += Draw.box(
      x: from,
      y: y + 0.5,
      width: max(Self.thinnest, until - from),
      height: Self.row - 1,
      class: "mark bar \(self.series.colour)",
      title: "worker \(hold.worker + 1), \(Figures.time(microseconds: Double(hold.until - hold.from) / 1000))"
    )
    return marks
  }

  private func table(_ start: UInt64) -> String {
    Markup.table(
      caption: "Grants of \(self.series.name) in the order of time",
      headings: ["granted after", "worker", "held for"],
      rows: self.holds.map { hold in
        [
          Figures.time(microseconds: Double(hold.from - start) / 1000), "\(hold.worker + 1)",
          Figures.time(microseconds: Double(hold.until - hold.from) / 1000),
        ]
      }
    )
  }
}
